import { randomBytes } from 'node:crypto'
import { chmod, rename } from 'node:fs/promises'
import { storeJson } from '../fileModels/store.json'
import { sdk } from '../sdk'

// On every start of the container: a key that is there is never replaced.
export const seedStore = sdk.setupOnInit(async (effects) => {
  const key = await storeJson
    .read((store) => store.admin_api_key)
    .once()
    .catch(setAside)
  await storeJson.merge(
    effects,
    key ? {} : { admin_api_key: randomBytes(32).toString('hex') },
  )
  // The file holds the master key: its owner reads it and nobody else.
  await chmod(storeJson.path, 0o600)
})

// A power cut can leave half a file, and with it a service that never starts again.
async function setAside(error: unknown): Promise<null> {
  if (!(error instanceof SyntaxError)) throw error
  await rename(storeJson.path, `${storeJson.path}.unreadable`)
  console.warn('store.json cannot be read: kept as store.json.unreadable')
  return null
}
