// The bundle's main, with a stub of start-container, on the real service in a root file system, and a
// double of BTCPay Server behind the bridge: from installing to restoring.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  chown,
  mkdir,
  readFile,
  readdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { after, afterEach, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  BRIDGE,
  Box,
  bridge,
  btcpayHost,
  domain,
  emptyVolume,
  lan,
  ownHost,
  VOLUME,
} from './effects.mjs'

const pack = createRequire(import.meta.url)('../javascript/index.js')
const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const PYTHON = process.env.KEYSAT_TEST_PYTHON
const ROOTFS = process.env.KEYSAT_TEST_ROOTFS
const SERVICE = 'http://127.0.0.1:8080'
const TASK = 'btcpay-initial-setup'
const PASSWORD = 'correct horse battery'

const python = (code) =>
  execFileSync(PYTHON, ['-c', code], { cwd: REPOSITORY, encoding: 'utf8' })

let box = new Box()
let running = null
let btcpay = null

// What StartOS does between its bridge and the ports of services.
class Bridge {
  #lines = new Set()
  #server = createServer((near) => {
    const far = connect(this.target, '127.0.0.1')
    for (const line of [near, far]) {
      this.#lines.add(line)
      line.on('close', () => this.#lines.delete(line))
      line.on('error', () => (near.destroy(), far.destroy()))
    }
    near.pipe(far).pipe(near)
  })
  port = 0

  constructor(target) {
    this.target = target
  }

  open() {
    return new Promise((ready) =>
      this.#server.listen(0, BRIDGE, () => {
        this.port = this.#server.address().port
        ready()
      }),
    )
  }

  turnTo(target) {
    this.target = target
    for (const line of this.#lines) line.destroy()
  }

  close() {
    this.#server.close()
    for (const line of this.#lines) line.destroy()
  }
}

const theirs = new Bridge(23000)
const ours = new Bridge(8080)

async function startDouble() {
  const child = spawn(
    PYTHON,
    ['-m', 'tests.simulators.btcpay', '--port', '23000'],
    {
      cwd: REPOSITORY,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const facts = { child }
  for await (const line of createInterface({ input: child.stdout })) {
    const [name, value] = line.split('=')
    facts[name] = value
    if (name === 'api_key') return facts
  }
  throw new Error('the double of BTCPay Server did not start')
}

// A license of Keysat itself, signed by a trust root of the tests' own.
const [TRUST_ROOT, OWN_LICENSE] =
  python(`from tests.support.own_license import TRUST_ROOT, operators_license
print(TRUST_ROOT.strip().replace("\\n", "\\\\n"))
print(operators_license("unlimited_products"))`)
    .trim()
    .split('\n')

before(async () => {
  const image = JSON.parse(
    await readFile(process.env.KEYSAT_IMAGE_CONFIG, 'utf8'),
  )
  const { env, ...config } = image
  const variables = [
    ...env,
    `KEYSAT_TRUST_ROOT_PEM=${TRUST_ROOT}`,
    'KEYSAT_RATE_SOURCES=none',
  ]
  await writeFile('/media/startos/images/main.json', JSON.stringify(config))
  await writeFile(
    '/media/startos/images/main.env',
    variables.map((one) => `${one}\n`).join(''),
  )
  await emptyVolume()
  btcpay = await startDouble()
  await Promise.all([theirs.open(), ours.open()])
})

afterEach(() => assert.deepEqual(box.strangers, []))

after(async () => {
  await stop()
  btcpay?.child.kill()
  theirs.close()
  ours.close()
  setImmediate(() => process.exit())
})

function showHosts() {
  const us = ownHost(bridge(ours.port), lan('192.168.1.5', 49101))
  box.setHost('keysat', 'api-multi', us)
  const them = btcpayHost(bridge(theirs.port), domain('pay.example.com'))
  box.setHost('btcpayserver', 'main', them)
}

async function start() {
  showHosts()
  running = await (await pack.main({ effects: box.effects() })).build()
  await until('the service answers', () => health('primary') === 'success')
}

async function stop() {
  const ending = running
  running = null
  await ending?.term()
}

const health = (id) => box.health.get(id)?.result

async function until(what, holds) {
  const deadline = Date.now() + 60_000
  while (!holds()) {
    const said = JSON.stringify([...box.health.values()])
    if (Date.now() > deadline) throw new Error(`never: ${what}; ${said}`)
    await new Promise((again) => setTimeout(again, 20))
  }
}

// As the platform does: the form first, and what was put into it under the same event.
async function run(id, input) {
  const effects = box.effects(`event of ${id}`)
  const action = pack.actions.get(id)
  await action.getInput({ effects, prefill: null })
  return action.run({ effects, input })
}

async function ask(method, path, body, key) {
  const answer = await fetch(SERVICE + path, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(key && { authorization: `Bearer ${key}` }),
    },
    body: body && JSON.stringify(body),
  })
  const text = await answer.text()
  return { status: answer.status, body: text && JSON.parse(text) }
}

const adminKey = async () =>
  JSON.parse(await readFile(`${VOLUME}/store.json`, 'utf8')).admin_api_key

describe('a service on StartOS', { timeout: 300_000 }, () => {
  let licenseKey

  it('is installed over what root left, and serves as its own user', async () => {
    await mkdir(`${VOLUME}/backups`)
    await writeFile(`${VOLUME}/backups/roots.txt`, 'of the earlier package')
    await chown(VOLUME, 0, 0)
    await pack.init({ effects: box.effects(), kind: 'install' })
    await start()
    const passwd = await readFile(`${ROOTFS}/etc/passwd`, 'utf8')
    const uid = Number(/^keysat:[^:]*:(\d+):/m.exec(passwd)[1])
    assert.notEqual(uid, 0)
    for (const name of ['', 'keysat.db', 'store.json', 'backups/roots.txt'])
      assert.equal((await stat(`${VOLUME}/${name}`)).uid, uid, name)
    assert.equal((await stat(`${ROOTFS}/proc/1`)).uid, uid)
    assert.equal((await ask('GET', '/healthz')).status, 200)
    await until('BTCPay was looked at', () => health('btcpay') === 'disabled')
    assert.ok(box.tasks.has(TASK))
  })

  it('shows its key, and that key is the master key', async () => {
    const { result, message } = await run('show-credentials')
    const key = await adminKey()
    assert.deepEqual(result, {
      type: 'single',
      value: key,
      copyable: true,
      masked: true,
      qr: true,
    })
    assert.match(message, /https:\/\/192\.168\.1\.5:49101\/admin/)
    const product = { slug: 'notes', name: 'Notes', price_sats: 1000 }
    assert.equal(
      (await ask('POST', '/v1/admin/products', product, key)).status,
      200,
    )
    const issued = await ask(
      'POST',
      '/v1/admin/licenses',
      { product_slug: 'notes' },
      key,
    )
    assert.equal(issued.status, 200, JSON.stringify(issued.body))
    licenseKey = issued.body.license_key
  })

  it('takes a password that signs in, and no two different ones', async () => {
    const wrong = { password: PASSWORD, confirm: `${PASSWORD}!` }
    await assert.rejects(
      run('set-web-ui-password', wrong),
      /passwords are different/,
    )
    await assert.rejects(
      run('set-web-ui-password', { password: 'short', confirm: 'short' }),
    )
    const signIn = () => ask('POST', '/admin/login', { password: PASSWORD })
    assert.ok((await signIn()).status >= 400)
    const saved = await run('set-web-ui-password', {
      password: PASSWORD,
      confirm: PASSWORD,
    })
    assert.equal(saved.title, 'Password saved')
    assert.equal((await signIn()).status, 204)
    assert.ok(!JSON.stringify(saved).includes(PASSWORD))
  })

  it('says what the free tier is, takes a license, and says what that gives', async () => {
    const before = await run('show-license-status')
    assert.match(before.title, /^Free tier: Creator$/)
    const { body } = await ask(
      'GET',
      '/v1/admin/tier',
      undefined,
      await adminKey(),
    )
    const rows = Object.fromEntries(
      before.result.value.map((row) => [row.name, row.value]),
    )
    assert.equal(rows.Products, String(body.caps.products))
    assert.equal(rows['Active codes'], String(body.caps.active_codes))

    await assert.rejects(
      run('activate-license', { license_key: '   ' }),
      /Enter a license key/,
    )
    const bad = await run('activate-license', {
      license_key: 'LIC1-AAAA',
    }).catch((one) => one)
    assert.ok(bad instanceof Error)
    assert.ok(
      !/\[object|license_invalid|LIC1-AAAA/.test(bad.message),
      bad.message,
    )

    const kept = await run('activate-license', {
      license_key: ` ${OWN_LICENSE}\n`,
    })
    assert.match(
      kept.message,
      /license is active.*\/data\/keysat-license\.txt/s,
    )
    const file = await readFile(`${VOLUME}/keysat-license.txt`, 'utf8')
    assert.equal(file.trim(), OWN_LICENSE)

    const now = await run('show-license-status')
    assert.equal(now.title, 'Licensed')
    const given = Object.fromEntries(
      now.result.value.map((row) => [row.name, row.value]),
    )
    assert.equal(given.Expires, 'Never')
    assert.equal(given.Entitlements, 'unlimited_products')
  })

  it('connects a store, and the task is gone by itself', async () => {
    const { result } = await run('configure-btcpay')
    const consent = new URL(result.value)
    assert.equal(consent.host, 'pay.example.com')
    // The browser reaches the double by another address than the one it is published at.
    const page = `http://127.0.0.1:23000${consent.pathname}${consent.search}`
    const approved = await fetch(page, {
      method: 'POST',
      body: new URLSearchParams({
        command: 'Authorize',
        store: btcpay.store_id,
      }),
    })
    const html = await approved.text()
    const text = (escaped) => escaped.replaceAll('&amp;', '&')
    const target = new URL(text(/action="([^"]+)"/.exec(html)[1]))
    assert.equal(target.origin, 'https://192.168.1.5:49101')
    const fields = [...html.matchAll(/name="([^"]+)" value="([^"]*)"/g)]
    const handed = await fetch(SERVICE + target.pathname + target.search, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(
        fields.map(([, name, value]) => [name, text(value)]),
      ),
    })
    assert.ok(handed.status < 400, await handed.text())
    await until('the task is gone', () => !box.tasks.has(TASK))
    await until('the check is green', () => health('btcpay') === 'success')
    const again = await run('configure-btcpay')
    assert.equal(again.title, 'A store is connected already')
    assert.equal(again.result.value, btcpay.store_id)
  })

  it('has BTCPay report to the bridge, for it reaches no private address', async () => {
    const hooks = await fetch(
      `http://127.0.0.1:23000/api/v1/stores/${btcpay.store_id}/webhooks`,
      { headers: { authorization: `token ${btcpay.api_key}` } },
    )
    const [{ url }, ...others] = await hooks.json()
    assert.deepEqual(others, [])
    assert.ok(
      url.startsWith(`http://${BRIDGE}:${ours.port}/v1/btcpay/webhook/`),
      url,
    )
  })

  it('says so when BTCPay does not answer as it should, and serves on', async () => {
    // StartOS gave the port to somebody else; to wait for nobody there would take longer.
    theirs.turnTo(8080)
    // For ten seconds after its start the SDK shows a failure as starting; its words are the same.
    await until('the check says so', () =>
      /^BTCPay cannot be asked: /.test(box.health.get('btcpay').message),
    )
    assert.notEqual(health('btcpay'), 'success')
    assert.equal(health('primary'), 'success')
    const { body } = await ask('POST', '/v1/validate', { key: licenseKey })
    assert.equal(body.ok, true)
    theirs.turnTo(23000)
    await until('the check is green', () => health('btcpay') === 'success')
  })

  it('stops within ten seconds, with everything in one file', async () => {
    const began = Date.now()
    await stop()
    assert.ok(Date.now() - began < 10_000)
    const names = await readdir(VOLUME)
    assert.ok(names.includes('keysat.db'))
    for (const name of names.filter((one) => one.endsWith('-wal')))
      assert.equal((await stat(`${VOLUME}/${name}`)).size, 0, name)
    await assert.rejects(ask('GET', '/healthz'))
  })

  it('comes back from a backup with its keys, its store, and no task left', async () => {
    const key = await adminKey()
    await pack.createBackup({ effects: box.effects() })
    await emptyVolume()
    box = new Box()
    await pack.init({ effects: box.effects(), kind: 'restore' })
    // As the earlier package left it: everything is root's.
    execFileSync('chown', ['-R', '0:0', VOLUME])
    assert.ok(box.tasks.has(TASK))
    await start()
    await until('the task is gone', () => !box.tasks.has(TASK))
    await until('the check is green', () => health('btcpay') === 'success')
    assert.equal(await adminKey(), key)
    assert.equal(
      (await ask('POST', '/v1/validate', { key: licenseKey })).body.ok,
      true,
    )
    assert.equal((await run('show-license-status')).title, 'Licensed')
  })

  it('takes over the volume of the earlier package', async () => {
    await stop()
    await emptyVolume()
    const old = JSON.parse(
      python(`import json, pathlib
from tests.support.earlier.shop import write_earlier_database
shop = write_earlier_database(pathlib.Path("${VOLUME}/keysat.db"), licenses=1)
print(json.dumps([shop.public_key_pem, *shop.first_keys.values()]))`),
    )
    execFileSync('chown', ['-R', '0:0', VOLUME])
    box = new Box()
    box.dataVersion = '0.2.0:63'
    await pack.init({ effects: box.effects(), kind: 'update' })
    assert.equal(box.dataVersion, '0.3.0:0')
    assert.equal(box.tasks.size, 0)
    await start()
    const [pem, ...keys] = old
    const published = await ask('GET', '/v1/issuer/public-key')
    assert.equal(published.body.public_key_pem.trim(), pem.trim())
    for (const key of keys) {
      const { body } = await ask('POST', '/v1/validate', { key })
      assert.ok(body.ok || body.license_id, JSON.stringify(body))
    }
    const names = await readdir(VOLUME)
    assert.ok(names.some((one) => /^keysat-earlier-.*\.db$/.test(one)))
    // The row of BTCPay has a name that StartOS has withdrawn; it is asked on the bridge all the same.
    await until('BTCPay was asked', () =>
      /^BTCPay cannot be asked: .*HTTP 401/.test(
        box.health.get('btcpay').message,
      ),
    )
  })
})
