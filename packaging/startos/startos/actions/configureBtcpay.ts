import { i18n } from '../i18n'
import { sdk } from '../sdk'
import { BTCPAY_TASK } from '../utils'
import { api, ApiError } from './api'

// Hidden: not on the Actions tab, but the task runs it.
export const configureBtcpay = sdk.Action.withoutInput(
  'configure-btcpay',
  async () => ({
    name: i18n('Connect BTCPay'),
    description: i18n('Connect a store of your BTCPay Server'),
    warning: null,
    allowedStatuses: 'only-running',
    group: i18n('BTCPay'),
    visibility: 'hidden',
  }),
  async ({ effects }) => {
    const status = await api.btcpayStatus()
    if (status.connected) {
      await sdk.action.clearTask(effects, BTCPAY_TASK)
      return alreadyConnected(status.store_id ?? '–')
    }
    try {
      const { authorize_url } = await api.connectBtcpay()
      return {
        version: '1',
        title: i18n('Connect BTCPay'),
        message: i18n(
          'Open this link in your browser within 30 minutes, sign in to BTCPay, choose one store and approve. There is nothing to copy back.',
        ),
        result: {
          type: 'single',
          value: authorize_url,
          copyable: true,
          masked: false,
          qr: false,
        },
      }
    } catch (error) {
      // Somebody connected a store between the two questions.
      if (error instanceof ApiError && error.status === 409) {
        return alreadyConnected()
      }
      throw error
    }
  },
)

function alreadyConnected(storeId?: string) {
  return {
    version: '1' as const,
    title: i18n('A store is connected already'),
    message: i18n(
      'There is nothing to do. To use another store, disconnect this one in the admin UI first.',
    ),
    result: storeId
      ? {
          type: 'single' as const,
          value: storeId,
          copyable: true,
          masked: false,
          qr: false,
        }
      : null,
  }
}
