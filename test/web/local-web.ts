import { isPublicAddress, type NetworkRules, openNetwork } from '../../src/web/index.ts'

/**
 * A network in which hosts that end in `.test` are a server on loopback and `private.test` is a private address; all
 * else is as on the open internet. A name is resolved by nobody outside of it.
 *
 * @param port of the only server on loopback that may be reached
 */
export function localNetwork(port: number, more: Partial<NetworkRules> = {}) {
  return openNetwork({
    resolve: async (host) => {
      if (host === 'private.test') return [{ address: '192.168.7.7', family: 4 }]
      if (host === 'mixed.test') return ['127.0.0.1', '10.0.0.1'].map((address) => ({ address, family: 4 }))
      if (host.endsWith('.test')) return [{ address: '127.0.0.1', family: 4 }]
      throw Object.assign(new Error(`${host} is not known`), { code: 'ENOTFOUND' })
    },
    mayConnect: (address, to) => (address === '127.0.0.1' ? to === port : isPublicAddress(address)),
    ...more,
  })
}
