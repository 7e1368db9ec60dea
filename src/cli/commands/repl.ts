import { join } from 'node:path'
import { ConfigError } from '../../errors/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionChoice } from '../option-values.ts'
import { graphics, terminalGraphics } from '../pictures/terminal-graphics.ts'
import { runRepl } from '../repl/repl.ts'

/** `phalanx repl`: a session with an open lab. */
export const repl: Command = {
  name: 'repl',
  summary: 'try things with a warm worker: await at top level, pictures in the terminal',
  positionals: [],
  options: {
    graphics: { value: '<name>', text: `${graphics.join(', ')} (the best that the terminal says it shows)` },
    ...labOptions,
  },
  example:
    "phalanx repl\n  phalanx> await lab.sample({ base: await lab.base('tiny-hands'), prompts: ['a photo of a fist'], seeds: [1, 2] })",
  run: async (given, context) => {
    const { terminal, signal } = context
    if (!process.stdin.isTTY || !process.stdout.isTTY) throw noTerminal()
    const chosen = optionChoice(given.options, 'graphics', graphics) ?? terminalGraphics()
    const place = labPlaceOf(given)
    await using lab = await openLabInTerminal(
      place.attach === undefined
        ? { ...place, endpointFile: join(place.folder ?? 'phalanx-lab', 'worker.json') }
        : place,
      context,
    )
    terminal.note(
      [
        '`lab` is open, and everything that phalanx exports is there. show(…) and browse(…) show pictures, .help says more.',
        ...(place.attach === undefined
          ? [`Scripts share this worker with openLab({ attach: '${join(lab.folder, 'worker.json')}', folder: … }).`]
          : []),
      ].join('\n'),
    )
    // By its name, as a user's script has it.
    await runRepl({ lab, terminal, names: await import('phalanx'), graphics: chosen, signal })
    return signal.aborted ? exitCodes.interrupted : exitCodes.success
  },
}

function noTerminal(): ConfigError {
  return new ConfigError({
    code: 'no-terminal',
    message:
      'phalanx repl needs a terminal to type in. Write what it should do into a file, and run that: npx tsx file.ts.',
    facts: {},
  })
}
