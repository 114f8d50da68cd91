import { storeJson } from '../fileModels/store.json'
import { SERVICE_URL } from '../utils'

const TIMEOUT_MS = 20_000

// A refusal by the service, in its own words. Never the request: it carries the master key.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    body: unknown,
  ) {
    const said = (body ?? {}) as Record<string, unknown>
    const words = [said.detail, said.message, said.error].find(
      (one) => typeof one === 'string' && one !== '',
    )
    super((words as string) ?? `Keysat answered with status ${status}`)
  }
}

async function call<Answer>(
  method: 'GET' | 'POST',
  path: string,
  body?: Record<string, string>,
): Promise<Answer> {
  const key = await storeJson.read((store) => store.admin_api_key).once()
  if (!key) throw new Error('store.json holds no admin API key')
  const answer = await fetch(`${SERVICE_URL}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: Error) => {
    const isLate = error.name === 'TimeoutError'
    throw new Error(
      isLate ? 'Keysat did not answer in time' : 'Keysat does not answer',
    )
  })
  const said: unknown = await answer.json().catch(() => null)
  if (!answer.ok) throw new ApiError(answer.status, said)
  return said as Answer
}

export type OwnLicense =
  | {
      tier: 'licensed'
      license_id: string
      product_id: string
      expires_at: number
      entitlements: string[]
    }
  | { tier: 'unlicensed'; reason: string }

export type Caps = Record<
  'products' | 'policies_per_product' | 'active_codes' | 'merchant_profiles',
  number | null
>

export const api = {
  setWebPassword: (password: string) =>
    call<{ ok: boolean }>('POST', '/v1/admin/web-password', { password }),
  activateLicense: (license_key: string) =>
    call<{ message: string }>('POST', '/v1/admin/self-license', {
      license_key,
    }),
  ownLicense: () => call<OwnLicense>('GET', '/v1/admin/self-license'),
  tier: () =>
    call<{ tier_name: string; caps: Caps; upgrade_url: string | null }>(
      'GET',
      '/v1/admin/tier',
    ),
  btcpayStatus: () =>
    call<{ connected: boolean; store_id?: string | null }>(
      'GET',
      '/v1/admin/btcpay/status',
    ),
  btcpayPaymentMethods: () =>
    call<{ count: number }>('GET', '/v1/admin/btcpay/payment-methods'),
  connectBtcpay: () =>
    call<{ authorize_url: string }>('POST', '/v1/admin/btcpay/connect', {}),
}
