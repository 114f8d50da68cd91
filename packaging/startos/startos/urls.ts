import { T } from '@start9labs/start-sdk'

// What addresses are used for decides which kind is best; what is in neither list comes last.
type Kind = 'public-domain' | 'private-domain' | 'plugin' | 'mdns' | 'lan-ip'

export const PUBLIC_ORDER: readonly Kind[] = [
  'public-domain',
  'private-domain',
  'plugin', // an onion address
  'mdns',
  'lan-ip',
]
export const BROWSER_ORDER: readonly Kind[] = [
  'mdns',
  'lan-ip',
  'private-domain',
  'public-domain',
]

type Candidate = { url: string; hostname: string; rank: number; ssl: boolean }

// Choose the address of a service among the hostnames of its interface, which must be those of
// `nonLocal`: without that, the bridge would pass as an address of the local network. `last` is what
// was chosen before: it stays while it is there and nothing of a better kind has appeared, so that
// published links survive a second domain. Empty when nothing fits.
export function chooseUrl(
  hostnames: readonly T.HostnameInfo[],
  order: readonly Kind[],
  last = '',
): string {
  const candidates = hostnames
    .filter((one) => !isInsideTunnel(one))
    .map((one) => toCandidate(one, order))
  // Sorting is stable: what is equal stays in the order of the platform.
  const best = [...candidates].sort(
    (a, b) => a.rank - b.rank || Number(b.ssl) - Number(a.ssl),
  )[0]
  if (!best) return ''
  const kept = candidates.find((one) => one.url === last)
  if (!kept || kept.rank > best.rank) return best.url
  // The same name may get its certificate later than its plain port.
  const secured = candidates.find(
    (one) => one.ssl && !kept.ssl && one.hostname === kept.hostname,
  )
  return secured?.url ?? kept.url
}

function toCandidate(one: T.HostnameInfo, order: readonly Kind[]): Candidate {
  const place = order.indexOf(kindOf(one) as Kind)
  return {
    url: urlOf(one),
    hostname: one.hostname,
    rank: place < 0 ? order.length : place,
    ssl: one.ssl,
  }
}

function kindOf(one: T.HostnameInfo): Kind | 'other' {
  const kind = one.metadata.kind
  if (kind === 'ipv4') return one.public ? 'other' : 'lan-ip'
  return kind === 'ipv6' ? 'other' : kind
}

// 10.59.0.0/16 is the inside of a tunnel: nobody but its ends reaches it.
function isInsideTunnel(one: T.HostnameInfo): boolean {
  return one.metadata.kind === 'ipv4' && one.hostname.startsWith('10.59.')
}

function urlOf(one: T.HostnameInfo): string {
  const scheme = one.ssl ? 'https' : 'http'
  const host = one.metadata.kind === 'ipv6' ? `[${one.hostname}]` : one.hostname
  const isDefault = one.port === null || one.port === (one.ssl ? 443 : 80)
  return isDefault ? `${scheme}://${host}` : `${scheme}://${host}:${one.port}`
}
