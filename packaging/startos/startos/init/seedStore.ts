import { randomBytes } from 'node:crypto'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { storeJson } from '../fileModels/store.json'
import { sdk } from '../sdk'

// Beside the store, because that is written in place: a power cut can leave half of it.
const KEY_COPY = `${storeJson.path}.key`

// On every start of the container: a key that is there is never replaced.
export const seedStore = sdk.setupOnInit(async (effects) => {
  const stored = await storeJson
    .read((store) => store.admin_api_key)
    .once()
    .catch(setAside)
  const key = stored || (await copiedKey()) || randomBytes(32).toString('hex')
  await storeJson.merge(effects, stored ? {} : { admin_api_key: key })
  // Both files hold the master key: their owner reads them and nobody else.
  await chmod(storeJson.path, 0o600)
  await copyKey(key)
})

// What cannot be understood is kept beside a new one, or the service would never start again.
async function setAside(error: unknown): Promise<null> {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (typeof code === 'string') throw error
  await rename(storeJson.path, `${storeJson.path}.unreadable`)
  console.warn('store.json cannot be read: kept as store.json.unreadable')
  return null
}

async function copiedKey(): Promise<string | null> {
  const text = await readFile(KEY_COPY, 'utf8').catch(() => '')
  return /^[0-9a-f]{64}$/.test(text) ? text : null
}

async function copyKey(key: string): Promise<void> {
  if (key === (await copiedKey())) return
  await writeFile(`${KEY_COPY}.new`, key, { mode: 0o600 })
  await rename(`${KEY_COPY}.new`, KEY_COPY)
}
