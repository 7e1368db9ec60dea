import open from 'open'
import { openReview } from '../../review/index.ts'
import type { Command } from '../command.ts'
import { ended } from '../ended.ts'
import { exitCodes } from '../exit-codes.ts'
import { optionNumber, optionText } from '../option-values.ts'

/** `phalanx review`: serves a page on which people decide which pictures of a set stay. */
export const review: Command = {
  name: 'review',
  summary: 'look through what curate fetched on a local page: keep, drop, captions; Ctrl-C ends it, decisions stay',
  positionals: ['<set>'],
  options: {
    reviewer: { value: '<name>', text: 'name that the page suggests to who opens it' },
    open: { text: 'open the page in a browser' },
    host: { value: '<address>', text: 'address of this machine to serve on (127.0.0.1: seen from here alone)' },
    port: { value: '<port>', text: 'port to serve on (a free one)' },
  },
  example: 'phalanx review hands --reviewer Ann --open',
  run: async ({ positionals, options }, { terminal, signal }) => {
    const host = optionText(options, 'host')
    await using opened = await openReview(positionals[0] as string, {
      ...{ host, reviewer: optionText(options, 'reviewer'), port: optionNumber(options, 'port') },
    })
    const { link, folder } = opened
    terminal.result({ link, folder }, () => link)
    terminal.note('Open this link in a browser; each reviewer enters a name. Ctrl-C ends it; every decision is kept.')
    if (host !== undefined && host !== '127.0.0.1' && host !== '::1')
      terminal.note(
        `Everybody who has the link and reaches ${host} can decide; what they see is sent unencrypted, so serve only networks that you trust.`,
      )
    if (options.open) await open(link)
    await ended(signal)
    const counts = opened.counts()
    terminal.result({ folder, counts }, () =>
      Object.entries(counts)
        .filter(([, count]) => count > 0)
        .map(([state, count]) => `${state}: ${count}`)
        .join(', '),
    )
    return exitCodes.interrupted
  },
}
