import { T } from '@start9labs/start-sdk'
import { storeJson } from './fileModels/store.json'
import { sdk } from './sdk'
import { BROWSER_ORDER, chooseUrl, PUBLIC_ORDER } from './urls'
import { BTCPAY_HOST_ID, BTCPAY_ID, BTCPAY_PORT, HOST_ID, PORT } from './utils'

// Every value is mapped to the final text before it is watched: the service restarts when an address
// it uses changes, and at no other time.

// The address buyers and sold software reach this server at. Never empty.
export async function publicUrl(effects: T.Effects): Promise<string> {
  let last = (await storeJson.read((store) => store.public_url).once()) ?? ''
  const stored = last
  const chosen = await sdk.host
    .getOwn(effects, HOST_ID, (host) => {
      const hostnames =
        host?.bindings[PORT]?.interfaces['api']?.addressInfo.nonLocal.hostnames
      const url = chooseUrl(hostnames ?? [], PUBLIC_ORDER, last)
      last = url || last
      return url
    })
    .const()
  if (chosen && chosen !== stored) {
    await storeJson.merge(
      effects,
      { public_url: chosen },
      { allowWriteAfterConst: true },
    )
  }
  return chosen || `http://localhost:${PORT}`
}

// The address other services on this box reach this server at; empty when there is none.
export async function internalUrl(effects: T.Effects): Promise<string> {
  const address = await sdk.host
    .getBridgeAddress(effects, {
      hostId: HOST_ID,
      internalPort: PORT,
      ssl: false,
    })
    .const()
  return address ? `http://${address}` : ''
}

export type BtcpayUrls = { url: string; browserUrl: string; publicUrl: string }

// Where BTCPay Server is: for this server, for the operator's browser, for buyers.
export async function btcpayUrls(effects: T.Effects): Promise<BtcpayUrls> {
  const bridge = await sdk.host
    .getBridgeAddress(effects, {
      packageId: BTCPAY_ID,
      hostId: BTCPAY_HOST_ID,
      internalPort: BTCPAY_PORT,
      ssl: false,
    })
    .const()
  const choose = (order: typeof PUBLIC_ORDER) =>
    sdk.host
      .get(
        effects,
        { packageId: BTCPAY_ID, hostId: BTCPAY_HOST_ID },
        (host) => {
          // Its port and id differ between versions of BTCPay Server; its type does not.
          const ui = Object.values(host?.bindings ?? {})
            .flatMap((binding) => Object.values(binding.interfaces))
            .find((one) => one.type === 'ui')
          return chooseUrl(ui?.addressInfo.nonLocal.hostnames ?? [], order)
        },
      )
      .const()
  const browserUrl = await choose(BROWSER_ORDER)
  return {
    // Without BTCPay the earlier name stands in: nothing answers there, and nothing breaks.
    url: bridge
      ? `http://${bridge}`
      : `http://${BTCPAY_ID}.startos:${BTCPAY_PORT}`,
    browserUrl,
    publicUrl: (await choose(PUBLIC_ORDER)) || browserUrl,
  }
}
