import ipaddr from 'ipaddr.js'

/**
 * Whether an IP address belongs to the open internet: not this machine, a private network, a cloud's metadata service,
 * or any other range that is set apart. IPv4 inside of IPv6 counts as what it is.
 */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'
}

/**
 * The IP address that a URL names itself, in its usual spelling; null where it names a host. A WHATWG URL has already
 * made `2130706433`, `0x7f.1` and `127.1` the address that they are.
 */
export function addressIn({ hostname }: URL): string | null {
  const bare = hostname.replace(/^\[|\]$/g, '')
  return ipaddr.isValid(bare) ? bare : null
}
