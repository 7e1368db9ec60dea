/** What the first and second interrupt of a terminal do. */
export interface Interrupt extends Disposable {
  /** Aborted by the first. */
  readonly signal: AbortSignal
}

/** Exit code of a program that an interrupt ended: 128 + SIGINT. */
export const interruptedExitCode = 130

/**
 * Turns Ctrl-C into a signal for the runs of a lab: the first one aborts it, so that the running step is finished and a
 * checkpoint written, and makes the process exit with 130 when it is done. The second one ends the process at once;
 * its workers end with it. Dispose of it to give Ctrl-C back.
 *
 * @param onFirst called with the first one, to tell the user
 */
export function catchInterrupts(onFirst: () => void = () => undefined): Interrupt {
  const controller = new AbortController()
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(interruptedExitCode)
    process.exitCode = interruptedExitCode
    onFirst()
    controller.abort(new DOMException('Interrupted', 'AbortError'))
  }
  process.on('SIGINT', onInterrupt)
  return { signal: controller.signal, [Symbol.dispose]: () => process.off('SIGINT', onInterrupt) }
}
