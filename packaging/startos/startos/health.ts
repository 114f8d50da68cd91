import { T } from '@start9labs/start-sdk'
import { api } from './actions/api'
import { i18n } from './i18n'
import { sdk } from './sdk'
import { BTCPAY_TASK, SERVICE_URL } from './utils'

type Health = Omit<T.NamedHealthCheckResult, 'name'>

// The SDK's own checks are content with an open port or with any status.
export async function checkApi(): Promise<Health> {
  const status = await fetch(`${SERVICE_URL}/healthz`, {
    signal: AbortSignal.timeout(2_000),
  }).then(
    async (answer) => {
      await answer.body?.cancel()
      return answer.status
    },
    () => 0,
  )
  return status === 200
    ? { result: 'success', message: i18n('Keysat answers') }
    : { result: 'failure', message: i18n('Keysat does not answer') }
}

// Whether sales can be paid. Nothing here makes the service itself unhealthy: licenses are validated
// without BTCPay. As soon as a store is connected, however that was done, the task has been done.
export async function checkBtcpay(effects: T.Effects): Promise<Health> {
  try {
    const status = await api.btcpayStatus()
    if (!status.connected) {
      return {
        result: 'disabled',
        message: i18n('No store is connected yet: connect one in the admin UI'),
      }
    }
    await sdk.action.clearTask(effects, BTCPAY_TASK)
    const { count } = await api.btcpayPaymentMethods()
    return count > 0
      ? { result: 'success', message: i18n('A store is connected') }
      : {
          result: 'loading',
          message: i18n('There is no wallet in this store: add one in BTCPay'),
        }
  } catch (error) {
    const problem = error instanceof Error ? error.message : 'unknown'
    return {
      result: 'failure',
      message: i18n('BTCPay cannot be asked: ${problem}', { problem }),
    }
  }
}
