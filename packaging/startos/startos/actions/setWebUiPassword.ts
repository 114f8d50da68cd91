import { i18n } from '../i18n'
import { sdk } from '../sdk'
import { api } from './api'

const { InputSpec, Value } = sdk

const inputSpec = InputSpec.of({
  password: Value.text({
    name: i18n('New password'),
    description: i18n('At least 12 characters'),
    required: true,
    masked: true,
    minLength: 12,
    default: null,
  }),
  confirm: Value.text({
    name: i18n('The same password again'),
    required: true,
    masked: true,
    default: null,
  }),
})

export const setWebUiPassword = sdk.Action.withInput(
  'set-web-ui-password',
  async () => ({
    name: i18n('Set Web UI Password'),
    description: i18n('Set the password you sign in to the admin UI with'),
    warning: i18n(
      'This ends all web sessions: everybody has to sign in to the admin UI again.',
    ),
    allowedStatuses: 'only-running',
    group: i18n('General'),
    visibility: 'enabled',
  }),
  inputSpec,
  async () => null,
  async ({ input }) => {
    if (input.password !== input.confirm) {
      throw new Error('The two passwords are different')
    }
    await api.setWebPassword(input.password)
    return {
      version: '1',
      title: i18n('Password saved'),
      message: i18n(
        'All web sessions have ended: sign in with the new password. The admin API key still works.',
      ),
      result: null,
    }
  },
)
