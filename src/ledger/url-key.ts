const tracking = /^(?:utm_\w+|fbclid|gclid|dclid|msclkid|mc_cid|mc_eid|igshid)$/i

/**
 * What two addresses of the same file share: the host in lower case, no default port, no fragment, no name or password,
 * no parameters that only follow visitors, the others sorted. Throws TypeError for what is no address.
 */
export function urlKey(address: string): string {
  const url = new URL(address)
  url.hash = ''
  url.username = ''
  url.password = ''
  const kept = [...url.searchParams].filter(([name]) => !tracking.test(name))
  kept.sort(([a, first], [b, second]) => compare(a, b) || compare(first, second))
  url.search = new URLSearchParams(kept).toString()
  return url.href
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
