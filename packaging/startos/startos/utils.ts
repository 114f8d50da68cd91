// Contract with the operator's box: domains and assigned ports hang on host and port.
export const HOST_ID = 'api-multi'
export const PORT = 8080

export const BTCPAY_ID = 'btcpayserver'
export const BTCPAY_HOST_ID = 'main'
export const BTCPAY_PORT = 23000

export const BTCPAY_TASK = 'btcpay-initial-setup'

// The package's own code shares the network namespace of the service. The two variables are for
// tests, which reach a service elsewhere and cannot wait half a minute; StartOS sets neither.
export const SERVICE_URL =
  process.env.KEYSAT_TEST_SERVICE_URL ?? `http://127.0.0.1:${PORT}`
export const BTCPAY_CHECK_MS = Number(
  process.env.KEYSAT_TEST_CHECK_MS ?? 30_000,
)
