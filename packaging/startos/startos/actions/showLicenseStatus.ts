import { T } from '@start9labs/start-sdk'
import { i18n } from '../i18n'
import { sdk } from '../sdk'
import { api, Caps } from './api'

export const showLicenseStatus = sdk.Action.withoutInput(
  'show-license-status',
  async () => ({
    name: i18n('Show License Status'),
    description: i18n('Show the license this server runs on'),
    warning: null,
    allowedStatuses: 'only-running',
    group: i18n('License'),
    visibility: 'enabled',
  }),
  async () => {
    const own = await api.ownLicense()
    if (own.tier === 'licensed') {
      return {
        version: '1',
        title: i18n('Licensed'),
        message: null,
        result: group(
          [i18n('License id'), own.license_id],
          [i18n('Expires'), expiry(own.expires_at)],
          [i18n('Entitlements'), own.entitlements.join(', ') || '–'],
        ),
      }
    }
    const { tier_name, caps, upgrade_url } = await api.tier()
    return {
      version: '1',
      title: i18n('Free tier: ${tier}', { tier: tier_name }),
      message: i18n(
        'No license is in force: ${reason}. A license raises or lifts the limits below.',
        { reason: own.reason },
      ),
      result: group(
        ...limits(caps),
        ...(upgrade_url
          ? [[i18n('Get a license'), upgrade_url] as [string, string]]
          : []),
      ),
    }
  },
)

// 0 stands for never.
function expiry(seconds: number): string {
  return seconds === 0
    ? i18n('Never')
    : new Date(seconds * 1000).toISOString().slice(0, 10)
}

function limits(caps: Caps): [string, string][] {
  const shown = (cap: number | null) =>
    cap === null ? i18n('No limit') : String(cap)
  return [
    [i18n('Products'), shown(caps.products)],
    [i18n('Tiers per product'), shown(caps.policies_per_product)],
    [i18n('Active codes'), shown(caps.active_codes)],
    [i18n('Merchant profiles'), shown(caps.merchant_profiles)],
  ]
}

function group(...rows: [string, string][]): T.ActionResultValue {
  return {
    type: 'group',
    value: rows.map(([name, value]) => ({
      type: 'single',
      name,
      description: null,
      value,
      copyable: true,
      qr: false,
      masked: false,
    })),
  }
}
