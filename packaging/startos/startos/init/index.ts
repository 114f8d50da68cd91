import { actions } from '../actions'
import { restoreInit } from '../backups'
import { setDependencies } from '../dependencies'
import { setInterfaces } from '../interfaces'
import { sdk } from '../sdk'
import { versionGraph } from '../versions'
import { seedStore } from './seedStore'
import { taskConnectBtcpay } from './taskConnectBtcpay'

// The first two must come first; a task names an action, so tasks come after actions.
export const init = sdk.setupInit(
  restoreInit,
  versionGraph,
  seedStore,
  setInterfaces,
  setDependencies,
  actions,
  taskConnectBtcpay,
)

export const uninit = sdk.setupUninit(versionGraph)
