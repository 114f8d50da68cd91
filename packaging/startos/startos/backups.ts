import { sdk } from './sdk'

// Local snapshots stay on the box: excluded both ways, so that a restore does not delete them.
export const { createBackup, restoreInit } = sdk.setupBackups(async () =>
  sdk.Backups.ofVolumes('main').setOptions({ exclude: ['/backups/'] }),
)
