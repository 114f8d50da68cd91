import { FileHelper, z } from '@start9labs/start-sdk'
import { sdk } from '../sdk'

// Keys that are not named here are kept as they are. Only ever `merge` into this file.
const shape = z.object({
  // The master key of the admin API: 64 lower-case hex digits, made once.
  admin_api_key: z.string().catch(''),
  // Kept for compatibility; the name normally lives in the database.
  operator_name: z.string().catch(''),
  // The address last published, so that a second domain does not take its place by chance.
  public_url: z.string().catch(''),
  schema_version: z.number().catch(1),
})

export const storeJson = FileHelper.json(
  { base: sdk.volumes.main, subpath: 'store.json' },
  shape,
)
