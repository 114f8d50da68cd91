import { setupManifest } from '@start9labs/start-sdk'
import { btcpayDescription, long, short } from './i18n'

// The build reads the name of the package out of the line below, so no other line may look like it.
export const manifest = setupManifest({
  id: 'keysat',
  title: 'Keysat',
  license: 'MIT',
  packageRepo: 'https://github.com/keysat/keysat',
  upstreamRepo: 'https://github.com/keysat/keysat',
  marketingUrl: 'https://github.com/keysat/keysat',
  donationUrl: null,
  description: { short, long },
  volumes: ['main'],
  images: {
    main: {
      // Both paths start at the folder of the package: the build context is the repository's root.
      source: {
        dockerBuild: {
          workdir: '../..',
          dockerfile: '../oci/Dockerfile',
        },
      },
      arch: ['x86_64', 'aarch64'],
      // Left out, the package would claim to run everywhere, by emulation.
      emulateMissingAs: null,
    },
  },
  dependencies: {
    btcpayserver: {
      description: btcpayDescription,
      optional: false,
      s9pk: null,
    },
  },
})
