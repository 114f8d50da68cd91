import { i18n } from '../i18n'
import { sdk } from '../sdk'
import { api } from './api'

const { InputSpec, Value } = sdk

const inputSpec = InputSpec.of({
  license_key: Value.text({
    name: i18n('License key'),
    description: i18n('The key of the license for your own Keysat server'),
    required: true,
    default: null,
    placeholder: 'LIC1-…',
  }),
})

export const activateLicense = sdk.Action.withInput(
  'activate-license',
  async () => ({
    name: i18n('Activate License'),
    description: i18n(
      'Run this server on a license of Keysat, which raises its limits',
    ),
    warning: null,
    allowedStatuses: 'only-running',
    group: i18n('License'),
    visibility: 'enabled',
  }),
  inputSpec,
  async () => null,
  async ({ input }) => {
    const key = input.license_key.trim()
    if (!key) throw new Error('Enter a license key')
    // The service says whether the license is in force, or why it gives nothing.
    const { message } = await api.activateLicense(key)
    return {
      version: '1',
      title: i18n('License saved'),
      message: `${message}\n\n${i18n('The key is kept in ${file} and is part of every backup.', { file: '/data/keysat-license.txt' })}`,
      result: null,
    }
  },
)
