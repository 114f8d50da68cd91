// Stands in for StartOS: what the package asks of it, and what it remembers.
import { readdir, rm } from 'node:fs/promises'

export const VOLUME = '/media/startos/volumes/main'
export const BRIDGE = '10.0.3.1'

const KEPT = new Set(['then', 'toJSON', 'constRetry'])

export class Box {
  dataVersion = null
  tasks = new Map()
  actions = new Map()
  interfaces = new Map()
  bindings = []
  dependencies = []
  health = new Map()
  hosts = new Map() // package id and host id to what the platform knows of it
  watchers = []
  leaving = []
  order = [] // what was asked, in order
  strangers = [] // what the package used although no stub has it
  retries = 0

  setHost(packageId, hostId, host) {
    this.hosts.set(`${packageId}/${hostId}`, host)
    for (const tell of this.watchers.splice(0)) tell()
  }

  leave() {
    for (const one of this.leaving.splice(0)) one()
  }

  // The effects of one call of the platform.
  effects(eventId = 'event') {
    const ask = (name, result) => {
      this.order.push(name)
      return Promise.resolve(result ?? null)
    }
    const plain = {
      eventId,
      isInContext: true,
      constRetry: undefined,
      child: () => this.effects(eventId),
      onLeaveContext: (run) => void this.leaving.push(run),
      clearCallbacks: () => ask('clearCallbacks'),
      restart: () => ask('restart'),
      action: this.strict('action', {
        export: ({ id, metadata }) => {
          this.actions.set(id, metadata)
          return ask(`action.export ${id}`)
        },
        clear: ({ except }) => {
          for (const id of this.actions.keys())
            if (!except.includes(id)) this.actions.delete(id)
          return ask('action.clear')
        },
        createTask: (task) => {
          if (!this.actions.has(task.actionId))
            throw new Error(
              `the task names ${task.actionId}, which is no action`,
            )
          if (!this.tasks.has(task.replayId))
            this.tasks.set(task.replayId, task)
          return ask(`action.createTask ${task.replayId}`)
        },
        clearTasks: ({ only }) => {
          for (const id of only) this.tasks.delete(id)
          return ask(`action.clearTasks ${only}`)
        },
      }),
      setDependencies: ({ dependencies }) => {
        this.dependencies = dependencies
        return ask('setDependencies')
      },
      bind: (binding) => {
        this.bindings.push(binding)
        return ask('bind')
      },
      clearBindings: () => ask('clearBindings'),
      exportServiceInterface: (one) => {
        this.interfaces.set(one.id, one)
        return ask(`exportServiceInterface ${one.id}`)
      },
      clearServiceInterfaces: () => ask('clearServiceInterfaces'),
      getHostInfo: ({ packageId, hostId, callback }) => {
        if (callback) this.watchers.push(callback)
        const key = `${packageId ?? 'keysat'}/${hostId}`
        return ask('getHostInfo', this.hosts.get(key))
      },
      getOsIp: () => ask('getOsIp', BRIDGE),
      setHealth: (health) => {
        this.health.set(health.id, health)
        return ask('setHealth')
      },
      subcontainer: this.strict('subcontainer', {
        createFs: () =>
          ask('createFs', [process.env.KEYSAT_TEST_ROOTFS, 'guid']),
        destroyFs: () => ask('destroyFs'),
      }),
      getDataVersion: () => ask('getDataVersion', this.dataVersion),
      setDataVersion: ({ version }) => {
        this.dataVersion = version
        return ask(`setDataVersion ${version}`)
      },
      setInitProgress: () => ask('setInitProgress'),
      setBackupProgress: () => ask('setBackupProgress'),
      getStatus: () => ask('getStatus'),
    }
    return this.strict('effects', plain)
  }

  strict(name, plain) {
    return new Proxy(plain, {
      get: (target, key) => {
        if (!(key in target) && typeof key === 'string' && !KEPT.has(key))
          this.strangers.push(`${name}.${key}`)
        return target[key]
      },
    })
  }
}

export async function emptyVolume() {
  for (const name of await readdir(VOLUME))
    await rm(`${VOLUME}/${name}`, { recursive: true })
}

// What the platform knows of a host with one port and one interface.
export function hostOf(port, id, type, available) {
  const addressInfo = {
    username: null,
    hostId: 'main',
    internalPort: port,
    scheme: 'http',
    sslScheme: 'https',
    suffix: '',
  }
  return {
    bindings: {
      [port]: {
        enabled: true,
        addresses: { enabled: [], disabled: [], guaWan: [], available },
        interfaces: { [id]: { id, type, masked: false, addressInfo } },
      },
    },
    bindingRanges: {},
    publicDomains: {},
    privateDomains: {},
    portForwards: [],
  }
}

export const ownHost = (...available) => hostOf(8080, 'api', 'api', available)
export const btcpayHost = (...available) =>
  hostOf(23000, 'webui', 'ui', available)

const address = (hostname, port, ssl, isPublic, metadata) => ({
  hostname,
  port,
  ssl,
  public: isPublic,
  metadata,
})
export const bridge = (port) =>
  address(BRIDGE, port, false, false, { kind: 'ipv4', gateway: 'lxcbr0' })
export const domain = (name, { ssl = true, port = ssl ? 443 : 80 } = {}) =>
  address(name, port, ssl, true, { kind: 'public-domain', gateway: 'wan' })
export const privateDomain = (name) =>
  address(name, 443, true, false, {
    kind: 'private-domain',
    gateways: ['eth0'],
  })
export const mdns = (name, port, ssl = true) =>
  address(name, port, ssl, false, { kind: 'mdns', gateways: ['eth0'] })
export const lan = (ip, port, ssl = true) =>
  address(ip, port, ssl, false, { kind: 'ipv4', gateway: 'eth0' })
export const onion = (name) =>
  address(name, 80, false, true, {
    kind: 'plugin',
    packageId: 'tor',
    removeAction: null,
    overflowActions: [],
    info: null,
  })
export const ipv6 = (ip, port) =>
  address(ip, port, true, false, { kind: 'ipv6', gateway: 'eth0', scopeId: 0 })
