import { sdk } from '../sdk'
import { activateLicense } from './activateLicense'
import { configureBtcpay } from './configureBtcpay'
import { setWebUiPassword } from './setWebUiPassword'
import { showCredentials } from './showCredentials'
import { showLicenseStatus } from './showLicenseStatus'

export const actions = sdk.Actions.of()
  .addAction(setWebUiPassword)
  .addAction(showCredentials)
  .addAction(activateLicense)
  .addAction(showLicenseStatus)
  .addAction(configureBtcpay)
