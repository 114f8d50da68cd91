import { IMPOSSIBLE, VersionInfo } from '@start9labs/start-sdk'

export const current = VersionInfo.of({
  version: '0.3.0:0',
  releaseNotes: {
    en_US: `**New server, same protocol.** Every license key you have sold stays valid.

**What to do after upgrading**

- Scripts need the new admin API key: see *Show Credentials*. The key of the earlier package was not kept on the volume and cannot be carried over.
- Your database is taken over at the first start; the old file stays beside it. This takes a moment.
- Look at *BTCPay connection*. If it is not green, disconnect and connect in the admin UI.
- There is no way back to an earlier version, so make a backup first.

**New**: sign in to the admin UI with a password, your data is no longer root's, health checks ask the service itself, the published address no longer changes by chance.`,
    es_ES: `**Servidor nuevo, mismo protocolo.** Todas las claves de licencia vendidas siguen siendo válidas.

**Qué hacer después de actualizar**

- Los scripts necesitan la nueva clave de la API de administración: véase *Mostrar credenciales*. La clave del paquete anterior no se guardaba en el volumen y no se puede conservar.
- La base de datos se adopta en el primer arranque; el archivo antiguo queda a su lado. Tarda un momento.
- Mira *Conexión con BTCPay*. Si no está en verde, desconecta y vuelve a conectar en la interfaz de administración.
- No se puede volver a una versión anterior: haz antes una copia de seguridad.

**Novedades**: acceso con contraseña a la interfaz de administración, los datos ya no pertenecen a root, las comprobaciones preguntan al propio servicio, la dirección publicada ya no cambia por azar.`,
    de_DE: `**Neuer Server, gleiches Protokoll.** Jeder verkaufte Lizenzschlüssel bleibt gültig.

**Nach dem Upgrade zu tun**

- Skripte brauchen den neuen Admin-API-Schlüssel: siehe *Zugangsdaten anzeigen*. Der Schlüssel des früheren Pakets lag nicht auf dem Volume und kann nicht übernommen werden.
- Die Datenbank wird beim ersten Start übernommen; die alte Datei bleibt daneben liegen. Das dauert einen Moment.
- Sehen Sie nach *BTCPay-Verbindung*. Ist sie nicht grün, in der Admin-Oberfläche trennen und neu verbinden.
- Ein Zurück zu einer früheren Version gibt es nicht: vorher ein Backup anlegen.

**Neu**: Anmeldung an der Admin-Oberfläche mit Passwort, Daten gehören nicht mehr root, Prüfungen fragen den Dienst selbst, die veröffentlichte Adresse wechselt nicht mehr zufällig.`,
    pl_PL: `**Nowy serwer, ten sam protokół.** Każdy sprzedany klucz licencyjny pozostaje ważny.

**Co zrobić po aktualizacji**

- Skrypty potrzebują nowego klucza API administratora: zobacz *Pokaż dane dostępowe*. Klucz wcześniejszego pakietu nie był zapisany na woluminie i nie da się go przenieść.
- Baza danych jest przejmowana przy pierwszym uruchomieniu; stary plik zostaje obok. To chwilę trwa.
- Sprawdź *Połączenie z BTCPay*. Jeśli nie jest zielone, rozłącz i połącz w panelu administratora.
- Nie ma powrotu do wcześniejszej wersji: najpierw zrób kopię zapasową.

**Nowości**: logowanie do panelu hasłem, dane nie należą już do roota, kontrole pytają samą usługę, publikowany adres nie zmienia się przypadkiem.`,
    fr_FR: `**Nouveau serveur, même protocole.** Toutes les clés de licence vendues restent valides.

**À faire après la mise à jour**

- Les scripts ont besoin de la nouvelle clé de l'API d'administration : voir *Afficher les identifiants*. La clé de l'ancien paquet n'était pas sur le volume et ne peut pas être reprise.
- La base de données est reprise au premier démarrage ; l'ancien fichier reste à côté. Cela prend un moment.
- Regardez *Connexion à BTCPay*. Si elle n'est pas verte, déconnectez puis reconnectez dans l'interface d'administration.
- Aucun retour à une version antérieure n'est possible : faites d'abord une sauvegarde.

**Nouveau** : connexion à l'interface d'administration par mot de passe, les données n'appartiennent plus à root, les contrôles interrogent le service lui-même, l'adresse publiée ne change plus au hasard.`,
  },
  migrations: {
    // The database migrates itself when the service starts, and store.json is seeded on every start.
    up: async () => {},
    // A newer database cannot be read by an older program.
    down: IMPOSSIBLE,
  },
})
