import { btcpayUrls, internalUrl, publicUrl } from './addresses'
import { storeJson } from './fileModels/store.json'
import { checkApi, checkBtcpay } from './health'
import { i18n } from './i18n'
import { sdk } from './sdk'
import { BTCPAY_CHECK_MS, PORT } from './utils'

export const main = sdk.setupMain(async ({ effects }) => {
  const adminApiKey = await storeJson
    .read((store) => store.admin_api_key)
    .const(effects)
  if (!adminApiKey) throw new Error('store.json holds no admin API key')
  const operatorName = await storeJson
    .read((store) => store.operator_name)
    .const(effects)
  const ownPublicUrl = await publicUrl(effects)
  const ownInternalUrl = await internalUrl(effects)
  const btcpay = await btcpayUrls(effects)
  const osIp = await sdk.getOsIp(effects)

  const service = sdk.SubContainer.of(
    effects,
    { imageId: 'main' },
    sdk.Mounts.of().mountVolume({
      volumeId: 'main',
      subpath: null,
      mountpoint: '/data',
      readonly: false,
    }),
    'keysat',
  )

  return (
    sdk.Daemons.of(effects)
      // What root wrote, the earlier package or this one, becomes the service user's.
      .addOneshot('own-data', {
        subcontainer: service,
        exec: {
          command: ['chown', '-R', 'keysat:keysat', '/data'],
          user: 'root',
        },
        requires: [],
      })
      .addDaemon('primary', {
        subcontainer: service,
        exec: {
          command: sdk.useEntrypoint(),
          // The image's tini must be process 1, or it reaps nobody.
          runAsInit: true,
          sigtermTimeout: 30_000,
          env: {
            KEYSAT_BIND: `0.0.0.0:${PORT}`,
            KEYSAT_DB_PATH: '/data/keysat.db',
            KEYSAT_PUBLIC_URL: ownPublicUrl,
            KEYSAT_INTERNAL_URL: ownInternalUrl,
            KEYSAT_ADMIN_API_KEY: adminApiKey,
            KEYSAT_OPERATOR_NAME: operatorName ?? '',
            KEYSAT_BEHIND_PROXY: '1',
            KEYSAT_TRUSTED_PROXIES: `${osIp}/32`,
            // On the LAN an operator may come by plain http; who comes by https keeps a Secure cookie.
            KEYSAT_INSECURE_COOKIES: '1',
            KEYSAT_LOG_LEVEL: 'info',
            BTCPAY_URL: btcpay.url,
            BTCPAY_BROWSER_URL: btcpay.browserUrl,
            BTCPAY_PUBLIC_URL: btcpay.publicUrl,
            BTCPAY_API_KEY: '',
            BTCPAY_STORE_ID: '',
            BTCPAY_WEBHOOK_SECRET: '',
          },
        },
        ready: {
          display: i18n('API'),
          // Migrations and the adoption of an old database come before the first answer.
          gracePeriod: 120_000,
          fn: checkApi,
        },
        requires: ['own-data'],
      })
      .addHealthCheck('btcpay', {
        ready: {
          display: i18n('BTCPay connection'),
          trigger: sdk.trigger.cooldownTrigger(BTCPAY_CHECK_MS),
          fn: () => checkBtcpay(effects),
        },
        requires: ['primary'],
      })
  )
})
