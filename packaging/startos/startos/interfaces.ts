import { i18n } from './i18n'
import { sdk } from './sdk'
import { HOST_ID, PORT } from './utils'

const COMMON = {
  masked: false,
  schemeOverride: null,
  username: null,
  query: {},
}

// One port for all three: addresses belong to the port, and existing scripts use the admin API at
// the public address.
export const setInterfaces = sdk.setupInterfaces(async ({ effects }) => {
  const origin = await sdk.MultiHost.of(effects, HOST_ID).bindPort(PORT, {
    protocol: 'http',
  })
  const receipt = await origin.export([
    sdk.createInterface(effects, {
      ...COMMON,
      id: 'api',
      name: i18n('Public API and buy pages'),
      description: i18n('The address you publish and build into your software'),
      type: 'api',
      path: '',
    }),
    sdk.createInterface(effects, {
      ...COMMON,
      id: 'webhook',
      name: i18n('BTCPay webhook'),
      description: i18n(
        'Where BTCPay Server reports payments; Keysat registers it by itself',
      ),
      type: 'api',
      path: '/v1/btcpay/webhook',
    }),
    sdk.createInterface(effects, {
      ...COMMON,
      id: 'admin-ui',
      name: i18n('Admin UI'),
      description: i18n('Products, licenses, payments and settings'),
      type: 'ui',
      path: '/admin',
    }),
  ])
  return [receipt]
})
