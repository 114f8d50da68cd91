import { configureBtcpay } from '../actions/configureBtcpay'
import { i18n } from '../i18n'
import { sdk } from '../sdk'
import { BTCPAY_TASK } from '../utils'

// Not critical: that would forbid starting the service, which the action needs running.
export const taskConnectBtcpay = sdk.setupOnInit(async (effects, kind) => {
  if (kind !== 'install' && kind !== 'restore') return
  try {
    await sdk.action.createOwnTask(effects, configureBtcpay, 'important', {
      replayId: BTCPAY_TASK,
      reason: i18n('Connect a store of your BTCPay Server to take payments.'),
    })
  } catch (error) {
    console.error('The task to connect BTCPay could not be made:', error)
  }
})
