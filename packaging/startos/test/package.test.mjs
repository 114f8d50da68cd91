// The bundle with stub effects: what the package tells StartOS, and what it keeps. No service runs.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmod,
  chown,
  mkdir,
  readFile,
  readdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import {
  Box,
  bridge,
  btcpayHost,
  domain,
  emptyVolume,
  ipv6,
  lan,
  mdns,
  onion,
  ownHost,
  privateDomain,
  VOLUME,
} from './effects.mjs'

const BUNDLE = '../javascript/index.js'
const pack = createRequire(import.meta.url)(BUNDLE)
const STORE = `${VOLUME}/store.json`
const TASK = 'btcpay-initial-setup'

let box
beforeEach(async () => {
  box = new Box()
  await emptyVolume()
})
afterEach(() => assert.deepEqual(box.strangers, []))
// The SDK's timers for stopping things would keep Node alive for half a minute.
after(() => setImmediate(() => process.exit()))

const init = (kind) => pack.init({ effects: box.effects(), kind })
const store = async () => JSON.parse(await readFile(STORE, 'utf8'))

describe('init', () => {
  it('makes a key on installing and never replaces it', async () => {
    await init('install')
    const { admin_api_key: key, ...rest } = await store()
    assert.match(key, /^[0-9a-f]{64}$/)
    assert.deepEqual(rest, {
      operator_name: '',
      public_url: '',
      schema_version: 1,
    })
    assert.equal((await stat(STORE)).mode & 0o777, 0o600)
    for (const kind of [null, 'update', 'install']) {
      await init(kind)
      assert.equal((await store()).admin_api_key, key)
    }
  })

  it('keeps what it does not know in the store, and fills what is missing', async () => {
    const old = {
      btcpay_webhook_secret: 'kept',
      operator_name: 'Ada',
      nested: { a: [1] },
    }
    await writeFile(STORE, JSON.stringify(old))
    await init('update')
    const { admin_api_key: key, ...rest } = await store()
    assert.match(key, /^[0-9a-f]{64}$/)
    assert.deepEqual(rest, { ...old, public_url: '', schema_version: 1 })
  })

  it('starts anew beside a store that a power cut left unreadable', async () => {
    await writeFile(STORE, '{"admin_api_key": "00')
    await init(null)
    assert.match((await store()).admin_api_key, /^[0-9a-f]{64}$/)
    assert.equal(
      await readFile(`${STORE}.unreadable`, 'utf8'),
      '{"admin_api_key": "00',
    )
  })

  it('keeps its key when a power cut leaves the store unreadable', async () => {
    await init('install')
    const key = (await store()).admin_api_key
    for (const left of ['{"admin_api_key": "00', 'null', '']) {
      await writeFile(STORE, left)
      await init(null)
      assert.equal((await store()).admin_api_key, key)
    }
    assert.equal((await stat(`${STORE}.key`)).mode & 0o777, 0o600)
  })

  it('tells the platform everything, and tasks after actions', async () => {
    await init('install')
    const place = (what) => box.order.findIndex((one) => one.startsWith(what))
    const wanted = [
      'setDataVersion 0.3.0:0',
      'bind',
      'setDependencies',
      'action.export',
      'action.clear',
      'action.createTask',
    ].map(place)
    assert.deepEqual(
      wanted,
      [...wanted].sort((a, b) => a - b),
    )
    assert.ok(wanted[0] >= 0)
    assert.equal(box.dataVersion, '0.3.0:0')
  })

  it('raises the task on installing only, and survives not being able to', async () => {
    for (const kind of [null, 'update']) {
      await init(kind)
      assert.equal(box.tasks.size, 0)
    }
    await init('install')
    const task = box.tasks.get(TASK)
    assert.equal(task.packageId, 'keysat')
    assert.equal(task.actionId, 'configure-btcpay')
    assert.equal(task.severity, 'important')
    assert.match(task.reason, /^Connect a store .*\.$/)

    const effects = new Box().effects()
    effects.action.createTask = () => Promise.reject(new Error('refused'))
    effects.child = () => effects
    await pack.init({ effects, kind: 'install' })
  })

  it('binds one plain port with a secure twin and shows three addresses on it', async () => {
    await init('install')
    const [{ addSsl, ...binding }, ...others] = box.bindings
    assert.deepEqual(others, [])
    assert.deepEqual(binding, {
      id: 'api-multi',
      internalPort: 8080,
      preferredExternalPort: 80,
      secure: null,
    })
    assert.equal(addSsl.preferredExternalPort, 443)
    assert.equal(addSsl.addXForwardedHeaders, true)
    assert.deepEqual(addSsl.alpn, { specified: ['http/1.1'] })
    const shown = [...box.interfaces.values()].map((one) => [
      one.id,
      one.type,
      one.addressInfo.suffix,
      one.masked,
      one.addressInfo.username,
      one.addressInfo.hostId,
      one.addressInfo.internalPort,
    ])
    const rest = [false, null, 'api-multi', 8080]
    assert.deepEqual(shown, [
      ['api', 'api', '', ...rest],
      ['webhook', 'api', '/v1/btcpay/webhook', ...rest],
      ['admin-ui', 'ui', '/admin', ...rest],
    ])
  })

  it('depends on a BTCPay Server that runs, by no health check', async () => {
    await init('install')
    assert.deepEqual(box.dependencies, [
      {
        id: 'btcpayserver',
        kind: 'running',
        versionRange: '>=1.11.0:0',
        healthChecks: [],
      },
    ])
  })
})

describe('actions', () => {
  it('are four on the tab and a hidden one for the task', async () => {
    await init('install')
    const shown = [...box.actions].map(([id, one]) => [
      id,
      one.group,
      one.allowedStatuses,
      one.visibility,
      one.hasInput,
    ])
    assert.deepEqual(shown, [
      ['set-web-ui-password', 'General', 'only-running', 'enabled', true],
      ['show-credentials', 'Credentials', 'any', 'enabled', false],
      ['activate-license', 'License', 'only-running', 'enabled', true],
      ['show-license-status', 'License', 'only-running', 'enabled', false],
      ['configure-btcpay', 'BTCPay', 'only-running', 'hidden', false],
    ])
    const warned = [...box.actions]
      .filter(([, one]) => one.warning)
      .map(([id]) => id)
    assert.deepEqual(warned, ['set-web-ui-password', 'show-credentials'])
    assert.ok(
      [...box.actions.values()].every((one) => one.access === undefined),
    )
  })

  it('ask for what they need and prefill no secret', async () => {
    const ask = async (id) => {
      const given = await pack.actions
        .get(id)
        .getInput({ effects: box.effects(), prefill: null })
      assert.equal(given.value, null)
      return Object.entries(given.spec).map(([name, field]) => [
        name,
        field.required,
        field.masked,
        field.minLength,
        field.default,
        field.placeholder,
      ])
    }
    assert.deepEqual(await ask('set-web-ui-password'), [
      ['password', true, true, 12, null, null],
      ['confirm', true, true, null, null, null],
    ])
    assert.deepEqual(await ask('activate-license'), [
      ['license_key', true, false, null, null, 'LIC1-…'],
    ])
  })

  it('speak the language of the box', () => {
    const names = (lang) => {
      const code = `
        const { Box } = await import('./test/effects.mjs')
        const { createRequire } = await import('node:module')
        const pack = createRequire(process.cwd() + '/test/')('../javascript/index.js')
        const box = new Box()
        await pack.actions.init(box.effects())
        console.log(JSON.stringify([...box.actions.values()].map((one) => one.name)))
        process.exit()`
      const said = execFileSync(
        process.execPath,
        ['--input-type=module', '-e', code],
        {
          env: { ...process.env, LANG: lang },
        },
      )
      return JSON.parse(said)
    }
    const german = names('de_DE.UTF-8')
    assert.equal(german[0], 'Passwort der Web-Oberfläche setzen')
    assert.equal(names('pt_BR.UTF-8')[0], 'Set Web UI Password')
  })
})

describe('versions', () => {
  it('take every lower version up, without a key or a word lost', async () => {
    for (const older of ['0.1.0:3', '0.2.0:63']) {
      box.dataVersion = older
      await init('update')
      assert.equal(box.dataVersion, '0.3.0:0')
    }
  })

  it('refuse to go down', async () => {
    box.dataVersion = '0.4.0:0'
    await assert.rejects(init('update'), /cannot migrate from .*0\.4\.0:0/)
    assert.equal(box.dataVersion, '0.4.0:0')
    assert.equal(pack.manifest.canMigrateTo, '=0.3.0:0')
  })
})

describe('backup', () => {
  it('brings the volume back, spares local snapshots, and raises the task again', async () => {
    await init('install')
    const key = (await store()).admin_api_key
    await writeFile(`${VOLUME}/keysat.db`, 'database')
    await chown(`${VOLUME}/keysat.db`, 10001, 10001)
    await writeFile(`${VOLUME}/keysat-license.txt`, 'LIC1-…')
    await mkdir(`${VOLUME}/backups`)
    await writeFile(`${VOLUME}/backups/old.db`, 'snapshot')
    await pack.createBackup({ effects: box.effects() })
    const target = '/media/startos/backup'
    const saved = await readdir(`${target}/volumes/main`)
    assert.deepEqual(saved.sort(), [
      'keysat-license.txt',
      'keysat.db',
      'store.json',
      'store.json.key',
    ])
    assert.equal(await readFile(`${target}/dataVersion.txt`, 'utf8'), '0.3.0:0')

    await emptyVolume()
    await mkdir(`${VOLUME}/backups`)
    await writeFile(`${VOLUME}/backups/newer.db`, 'snapshot')
    await writeFile(`${VOLUME}/stranger`, 'goes')
    box = new Box()
    await init('restore')
    assert.equal((await store()).admin_api_key, key)
    assert.equal(await readFile(`${VOLUME}/keysat.db`, 'utf8'), 'database')
    assert.equal((await stat(`${VOLUME}/keysat.db`)).uid, 10001)
    assert.deepEqual((await readdir(VOLUME)).sort(), [
      'backups',
      'keysat-license.txt',
      'keysat.db',
      'store.json',
      'store.json.key',
    ])
    assert.deepEqual(await readdir(`${VOLUME}/backups`), ['newer.db'])
    assert.equal(box.dataVersion, '0.3.0:0')
    assert.ok(box.tasks.has(TASK))
  })

  it('of the earlier package is taken up and gets a key', async () => {
    const target = '/media/startos/backup'
    for (const name of await readdir(`${target}/volumes/main`))
      await chmod(`${target}/volumes/main/${name}`, 0o600)
    execFileSync('rm', ['-r', `${target}/volumes/main`])
    await mkdir(`${target}/volumes/main`)
    await writeFile(`${target}/volumes/main/keysat.db`, 'old database')
    await writeFile(`${target}/dataVersion.txt`, '0.2.0:63')
    await init('restore')
    assert.match((await store()).admin_api_key, /^[0-9a-f]{64}$/)
    assert.equal(await readFile(`${VOLUME}/keysat.db`, 'utf8'), 'old database')
    assert.equal(box.dataVersion, '0.3.0:0')
  })
})

describe('main', () => {
  const daemons = async () => pack.main({ effects: box.effects() })
  const environment = async () => {
    const { entries } = await daemons()
    return entries.find((one) => one.id === 'primary').exec.env
  }
  const publicUrlOf = async (...hostnames) => {
    box.setHost('keysat', 'api-multi', ownHost(bridge(49100), ...hostnames))
    return (await environment()).KEYSAT_PUBLIC_URL
  }

  it('refuses to serve without a key', async () => {
    await assert.rejects(daemons(), /no admin API key/)
  })

  it('owns the data first, then serves as process 1, then looks at BTCPay', async () => {
    await init('install')
    const { entries } = await daemons()
    const shown = entries.map(({ id, kind, requires }) => [
      id,
      kind,
      ...requires,
    ])
    assert.deepEqual(shown, [
      ['own-data', 'oneshot'],
      ['primary', 'daemon', 'own-data'],
      ['btcpay', 'health', 'primary'],
    ])
    const [own, primary] = entries
    assert.deepEqual(own.exec.command, [
      'chown',
      '-R',
      'keysat:keysat',
      '/data',
    ])
    assert.equal(own.exec.user, 'root')
    assert.equal(primary.exec.runAsInit, true)
    assert.equal(primary.exec.sigtermTimeout, 30_000)
    assert.equal(primary.ready.gracePeriod, 120_000)
    assert.equal(primary.subcontainer, own.subcontainer)
    const { mounts, imageId } = primary.subcontainer
    assert.equal(imageId, 'main')
    assert.deepEqual(
      mounts
        .build()
        .map(({ mountpoint, options }) => [
          mountpoint,
          options.volumeId,
          options.subpath,
          options.readonly,
        ]),
      [['/data', 'main', null, false]],
    )
  })

  it('sets every variable, also where there is no address and no BTCPay', async () => {
    await init('install')
    assert.deepEqual(await environment(), {
      KEYSAT_BIND: '0.0.0.0:8080',
      KEYSAT_DB_PATH: '/data/keysat.db',
      KEYSAT_PUBLIC_URL: 'http://localhost:8080',
      KEYSAT_INTERNAL_URL: '',
      KEYSAT_ADMIN_API_KEY: (await store()).admin_api_key,
      KEYSAT_OPERATOR_NAME: '',
      KEYSAT_BEHIND_PROXY: '1',
      KEYSAT_TRUSTED_PROXIES: '10.0.3.1/32',
      KEYSAT_INSECURE_COOKIES: '1',
      KEYSAT_LOG_LEVEL: 'info',
      BTCPAY_URL: 'http://btcpayserver.startos:23000',
      BTCPAY_BROWSER_URL: '',
      BTCPAY_PUBLIC_URL: '',
      BTCPAY_API_KEY: '',
      BTCPAY_STORE_ID: '',
      BTCPAY_WEBHOOK_SECRET: '',
    })
    assert.equal((await store()).public_url, '')
  })

  it('finds BTCPay on the bridge, and the best address for browsers and for buyers', async () => {
    await init('install')
    box.setHost(
      'btcpayserver',
      'main',
      btcpayHost(
        bridge(49200),
        lan('192.168.1.5', 49201),
        mdns('box.local', 49201),
        domain('pay.example.com'),
      ),
    )
    const found = await environment()
    assert.equal(found.BTCPAY_URL, 'http://10.0.3.1:49200')
    assert.equal(found.BTCPAY_BROWSER_URL, 'https://box.local:49201')
    assert.equal(found.BTCPAY_PUBLIC_URL, 'https://pay.example.com')

    box.setHost(
      'btcpayserver',
      'main',
      btcpayHost(bridge(49200), ipv6('2001:db8::5', 49201)),
    )
    const left = await environment()
    assert.equal(left.BTCPAY_BROWSER_URL, 'https://[2001:db8::5]:49201')
    assert.equal(left.BTCPAY_PUBLIC_URL, 'https://[2001:db8::5]:49201')
  })

  it('publishes the best kind of address there is', async () => {
    await init('install')
    const steps = [
      [
        'https://192.168.1.5:49101',
        lan('192.168.1.5', 49100, false),
        lan('192.168.1.5', 49101),
      ],
      [
        'https://box.local:49101',
        lan('192.168.1.5', 49101),
        mdns('box.local', 49101),
      ],
      [
        'http://abc.onion',
        mdns('box.local', 49101),
        lan('10.59.0.2', 49101),
        onion('abc.onion'),
      ],
      ['https://in.lan', onion('abc.onion'), privateDomain('in.lan')],
      [
        'https://keys.example.com',
        privateDomain('in.lan'),
        domain('keys.example.com', { ssl: false }),
        domain('keys.example.com'),
      ],
      ['http://localhost:8080', lan('10.59.0.2', 49101)],
    ]
    for (const [wanted, ...hostnames] of steps)
      assert.equal(await publicUrlOf(...hostnames), wanted)
    // An address that is away for a while is remembered.
    assert.equal((await store()).public_url, 'https://keys.example.com')
    assert.equal(
      (await environment()).KEYSAT_INTERNAL_URL,
      'http://10.0.3.1:49100',
    )
  })

  it('keeps the published address until it is gone or a better kind appears', async () => {
    await init('install')
    const [first, second] = [domain('b.example.com'), domain('a.example.com')]
    const name = mdns('box.local', 49101)
    const ip = lan('192.168.1.5', 49101)
    assert.equal(await publicUrlOf(ip, name), 'https://box.local:49101')
    assert.equal(await publicUrlOf(ip, name, first), 'https://b.example.com')
    assert.equal(
      await publicUrlOf(ip, name, second, first),
      'https://b.example.com',
    )
    assert.equal(await publicUrlOf(ip, name, second), 'https://a.example.com')
    const plain = domain('c.example.com', { ssl: false })
    assert.equal(await publicUrlOf(plain), 'http://c.example.com')
    // The same name with its certificate is the same address, made safe.
    assert.equal(
      await publicUrlOf(second, plain, domain('c.example.com')),
      'https://c.example.com',
    )
  })

  it('restarts when an address it uses changes, and not otherwise', async () => {
    await init('install')
    const serve = async (...hostnames) => {
      box.setHost('keysat', 'api-multi', ownHost(bridge(49100), ...hostnames))
      // What is watched is told in turns of the event loop, not in time.
      for (let turn = 0; turn < 50; turn++)
        await new Promise((next) => setImmediate(next))
    }
    await serve(domain('b.example.com'))
    const effects = box.effects()
    effects.constRetry = () => void box.retries++
    await pack.main({ effects })
    await serve(
      domain('a.example.com'),
      domain('b.example.com'),
      lan('192.168.1.5', 49101),
    )
    assert.equal(box.retries, 0)
    await serve(domain('a.example.com'))
    assert.equal(box.retries, 1)
    box.leave()
  })
})

// Answers the real service gives too rarely to wait for; test/service.test.mjs has the real one.
describe('what the service answers', () => {
  const answers = new Map()
  const asked = []
  let server
  before(
    () =>
      new Promise((ready) => {
        server = createServer((request, response) => {
          asked.push(request)
          const [status, body] = answers.get(request.url) ?? [404, {}]
          response.writeHead(status).end(JSON.stringify(body))
        }).listen(8080, '127.0.0.1', ready)
      }),
  )
  after(() => server.close())

  const look = async (id, given) => {
    answers.clear()
    for (const [path, answer] of Object.entries(given))
      answers.set(path, answer)
    const { entries } = await pack.main({ effects: box.effects() })
    return entries.find((one) => one.id === id).ready.fn()
  }

  it('is healthy by its own word only', async () => {
    await init('install')
    const { result } = await look('primary', { '/healthz': [200, {}] })
    assert.equal(result, 'success')
    for (const status of [204, 404, 503]) {
      const sick = await look('primary', { '/healthz': [status, {}] })
      assert.equal(sick.result, 'failure')
    }
  })

  it('becomes a state of the connection, and the task goes with it', async () => {
    await init('install')
    const [status, methods] = ['status', 'payment-methods'].map(
      (name) => `/v1/admin/btcpay/${name}`,
    )
    const steps = [
      [{ [status]: [200, { connected: false }] }, 'disabled', true],
      [{ [status]: [500, { message: 'no' }] }, 'failure', true],
      [
        {
          [status]: [200, { connected: true }],
          [methods]: [200, { count: 0 }],
        },
        'loading',
        false,
      ],
      [
        {
          [status]: [200, { connected: true }],
          [methods]: [200, { count: 1 }],
        },
        'success',
        false,
      ],
    ]
    for (const [given, result, isTaskLeft] of steps) {
      assert.equal((await look('btcpay', given)).result, result)
      assert.equal(box.tasks.has(TASK), isTaskLeft)
    }
    const key = (await store()).admin_api_key
    const shown = asked.map((one) => one.headers.authorization)
    assert.ok(shown.includes(`Bearer ${key}`))
  })

  it('is told in its own words, and never with the key', async () => {
    await init('install')
    const key = (await store()).admin_api_key
    const path = '/v1/admin/btcpay/status'
    const words = async (status, body) => {
      const { message } = await look('btcpay', { [path]: [status, body] })
      assert.ok(!message.includes(key))
      return message.replace('BTCPay cannot be asked: ', '')
    }
    const all = { detail: 'the detail', message: 'the message', error: 'why' }
    assert.equal(await words(400, all), 'the detail')
    assert.equal(await words(400, { ...all, detail: ['a'] }), 'the message')
    assert.equal(await words(400, { error: 'why' }), 'why')
    assert.equal(await words(502, null), 'Keysat answered with status 502')
  })

  it('that a store is connected meanwhile is no failure of connecting', async () => {
    await init('install')
    answers.set('/v1/admin/btcpay/status', [200, { connected: false }])
    answers.set('/v1/admin/btcpay/connect', [409, { message: 'connected' }])
    const run = () =>
      pack.actions.get('configure-btcpay').run({ effects: box.effects() })
    const { title, result } = await run()
    assert.equal(title, 'A store is connected already')
    assert.equal(result, null)
    answers.set('/v1/admin/btcpay/connect', [503, { message: 'none set' }])
    await assert.rejects(run(), /none set/)
  })

  it('a license that ends shows its day', async () => {
    await init('install')
    const license = {
      tier: 'licensed',
      license_id: 'an-id',
      product_id: 'keysat',
      expires_at: 1_800_000_000,
      entitlements: [],
    }
    answers.set('/v1/admin/self-license', [200, license])
    const { result } = await pack.actions
      .get('show-license-status')
      .run({ effects: box.effects() })
    const rows = result.value.map(({ name, value }) => [name, value])
    assert.deepEqual(rows, [
      ['License id', 'an-id'],
      ['Expires', '2027-01-15'],
      ['Entitlements', '–'],
    ])
  })
})
