import { storeJson } from '../fileModels/store.json'
import { i18n } from '../i18n'
import { sdk } from '../sdk'

export const showCredentials = sdk.Action.withoutInput(
  'show-credentials',
  async () => ({
    name: i18n('Show Credentials'),
    description: i18n('Show the admin API key, the master key of this server'),
    warning: i18n(
      'Whoever has this key controls the whole server. Show it to nobody.',
    ),
    allowedStatuses: 'any',
    group: i18n('Credentials'),
    visibility: 'enabled',
  }),
  async () => {
    const store = await storeJson.read().once()
    if (!store?.admin_api_key) {
      throw new Error('store.json holds no admin API key')
    }
    return {
      version: '1',
      title: i18n('Admin API key'),
      message: store.public_url
        ? i18n(
            'It signs in to the admin UI at ${url} and is the Bearer token of the API.',
            { url: `${store.public_url}/admin` },
          )
        : i18n(
            'It signs in to the admin UI and is the Bearer token of the API.',
          ),
      result: {
        type: 'single',
        value: store.admin_api_key,
        copyable: true,
        masked: true,
        qr: true,
      },
    }
  },
)
