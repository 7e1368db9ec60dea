import { type Lab, openLab } from '../lab/index.ts'
import type { Arguments, CommandContext, OptionDefinition } from './command.ts'
import { optionNumber, optionText } from './option-values.ts'
import type { Terminal } from './terminal.ts'

/** Options of every command that opens a lab. */
export const labOptions: Readonly<Record<string, OptionDefinition>> = {
  lab: { value: '<folder>', text: 'folder of runs, datasets and finished cells (./phalanx-lab)' },
  device: { value: '<name>', text: 'torch device of the worker (cpu)' },
  workers: { value: '<number>', text: 'worker processes; cells of a study run on all of them (1)' },
  attach: { value: '<file>', text: 'use the running worker of this endpoint file instead of starting one' },
}

/** The base that a command works on. */
export const baseOption: OptionDefinition = {
  value: '<name>',
  text: 'tiny-hands, sd-1.5, sd-2.1, sdxl-1.0, a folder, a .safetensors file or a hub id (tiny-hands)',
}

/** Where and with what a lab is opened; what is left out takes the lab's own default. */
export interface LabPlace {
  readonly folder?: string | undefined
  readonly device?: string | undefined
  readonly workers?: number | undefined
  readonly attach?: string | undefined
  /** Wait while another process has the folder, instead of ending with an error. */
  readonly wait?: boolean | undefined
  /** File through which others may attach to the worker that is started. */
  readonly endpointFile?: string | undefined
}

export function labPlaceOf({ options }: Arguments): LabPlace {
  return {
    folder: optionText(options, 'lab'),
    device: optionText(options, 'device'),
    workers: optionNumber(options, 'workers'),
    attach: optionText(options, 'attach'),
  }
}

/** Opens a lab and shows what that is busy with. Throws what `openLab` throws. */
export function openLabInTerminal(place: LabPlace, { terminal, signal }: CommandContext): Promise<Lab> {
  const { folder, device, workers, attach, wait, endpointFile } = place
  return openLab({
    folder,
    workers,
    attach,
    wait,
    endpointFile,
    ...(device !== undefined && { settings: { device } }),
    signal,
    onProgress: showProgress(terminal),
  })
}

/** Tells each phase of making the environment once, for good: it takes minutes, also where no terminal is. */
export function showProgress(terminal: Terminal) {
  let told = ''
  return (progress: { type: string; phase?: string; text: string; done?: number; total?: number }): void => {
    if (progress.phase !== undefined && progress.phase !== told) terminal.note(progress.text)
    told = progress.phase ?? told
    const share = progress.total ? `${progress.done} of ${progress.total} packages: ` : ''
    terminal.status(`${share}${progress.text}`)
  }
}
