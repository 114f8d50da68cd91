import { sdk } from './sdk'

// Only warns in the UI. Keysat starts, serves and validates without BTCPay.
export const setDependencies = sdk.setupDependencies(async () => ({
  btcpayserver: {
    kind: 'running',
    versionRange: '>=1.11.0:0',
    healthChecks: [],
  },
}))
