/**
 * Milliseconds that a `Retry-After` header asks to wait (RFC 9110, 10.2.3): whole seconds, or a date in any of the three
 * forms of HTTP. A date that has passed gives 0, no header or another text null.
 *
 * @param now ms since 1970, by the clock that the date is compared with
 */
export function retryAfter(header: string | null, now: number): number | null {
  const text = header?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  // A date has the name of its day and a time; `Date.parse` alone takes almost anything.
  const [, day] = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? .*\d\d:\d\d:\d\d/.exec(text) ?? []
  if (day === undefined) return null
  const date = Date.parse(/GMT$/.test(text) ? text.replaceAll('-', ' ') : `${text} GMT`)
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}
