export const short = {
  en_US:
    'Sell software for Bitcoin: licenses, keys, seats and payments on your box',
  es_ES:
    'Vende software por Bitcoin: licencias, claves y pagos en tu propio equipo',
  de_DE:
    'Software gegen Bitcoin verkaufen: Lizenzen, Schlüssel, Zahlungen bei Ihnen',
  pl_PL: 'Sprzedawaj oprogramowanie za bitcoiny: licencje i płatności u siebie',
  fr_FR:
    'Vendez vos logiciels en Bitcoin : licences, clés et paiements chez vous',
}

export const long = {
  en_US:
    'Keysat is a licensing server for people who sell software. It shows what you sell, takes the payment through your own BTCPay Server, signs an Ed25519 license key, and answers your software for years: is this key valid, on how many machines, until when. Keys also verify offline with your public key alone. Subscriptions, upgrades, discount codes, webhooks and a full API are included. One service, one database, no middleman.',
  es_ES:
    'Keysat es un servidor de licencias para quien vende software. Muestra lo que vendes, cobra a través de tu propio BTCPay Server, firma una clave de licencia Ed25519 y responde a tu software durante años: si la clave es válida, en cuántos equipos y hasta cuándo. Las claves también se verifican sin conexión, solo con tu clave pública. Incluye suscripciones, mejoras de plan, códigos de descuento, webhooks y una API completa. Sin intermediarios.',
  de_DE:
    'Keysat ist ein Lizenzserver für alle, die Software verkaufen. Er zeigt Ihr Angebot, nimmt die Zahlung über Ihren eigenen BTCPay Server an, signiert einen Ed25519-Lizenzschlüssel und antwortet Ihrer Software über Jahre: ob der Schlüssel gilt, auf wie vielen Geräten, wie lange. Schlüssel lassen sich auch offline allein mit Ihrem öffentlichen Schlüssel prüfen. Mit Abonnements, Upgrades, Rabattcodes, Webhooks und voller API. Ohne Mittelsmann.',
  pl_PL:
    'Keysat to serwer licencji dla sprzedawców oprogramowania. Pokazuje ofertę, przyjmuje płatność przez Twój własny BTCPay Server, podpisuje klucz licencyjny Ed25519 i latami odpowiada Twojemu programowi: czy klucz jest ważny, na ilu urządzeniach i do kiedy. Klucze można też sprawdzać bez sieci, samym kluczem publicznym. W zestawie subskrypcje, zmiany planu, kody rabatowe, webhooki i pełne API. Bez pośredników.',
  fr_FR:
    "Keysat est un serveur de licences pour ceux qui vendent des logiciels. Il présente votre offre, encaisse par votre propre BTCPay Server, signe une clé de licence Ed25519 et répond à votre logiciel pendant des années : clé valide ou non, sur combien d'appareils, jusqu'à quand. Les clés se vérifient aussi hors ligne avec votre seule clé publique. Abonnements, changements d'offre, codes de réduction, webhooks et API complète inclus. Sans intermédiaire.",
}

export const btcpayDescription = {
  en_US: 'Takes the payments for what you sell',
  es_ES: 'Cobra los pagos de lo que vendes',
  de_DE: 'Nimmt die Zahlungen für Ihre Verkäufe an',
  pl_PL: 'Przyjmuje płatności za to, co sprzedajesz',
  fr_FR: 'Encaisse les paiements de vos ventes',
}
