import type { Cell } from './cell.ts'

/** Kinds of cells that draw and train nothing. */
const looking: ReadonlySet<string> = new Set(['score', 'embed'] satisfies Cell['kind'][])

/**
 * Hands out cells to workers that run at the same time, each when what it needs is finished. A worker stays with the
 * model that it has loaded, then takes one that no other has, then helps with the first cell there is.
 */
export class Schedule {
  /** By model, in the order of the plan. */
  readonly #waiting = new Map<string, Map<string, Cell>>()
  /** Unfinished needs of a waiting cell. */
  readonly #needs = new Map<string, Set<string>>()
  readonly #dependents = new Map<string, Cell[]>()
  /** Model of each worker's newest cell. */
  readonly #loaded: (string | null)[]

  /** @param finished keys of cells that are not to be run */
  constructor(cells: readonly Cell[], finished: ReadonlySet<string>, workers: number) {
    this.#loaded = Array.from({ length: workers }, () => null)
    for (const cell of cells) {
      if (finished.has(cell.key)) continue
      const group = this.#waiting.get(cell.model) ?? new Map<string, Cell>()
      this.#waiting.set(cell.model, group.set(cell.key, cell))
      this.#needs.set(cell.key, new Set(cell.needs.filter((key) => !finished.has(key))))
      for (const need of cell.needs) {
        const dependents = this.#dependents.get(need) ?? []
        dependents.push(cell)
        this.#dependents.set(need, dependents)
      }
    }
  }

  /** The next cell for a worker; null while none is ready. */
  take(worker: number): Cell | null {
    const own = this.#loaded[worker] ?? null
    const others = new Set(this.#loaded.filter((model, i) => model !== null && i !== worker))
    const free = [...this.#waiting.keys()].filter((model) => model !== own && !others.has(model))
    // Looking at pictures waits until no model has anything left to draw or train.
    const judging = (model: string) => looking.has(this.#waiting.get(model)?.values().next().value?.kind ?? '')
    const order = [...(own === null ? [] : [own]), ...free.filter((model) => !judging(model)), ...this.#waiting.keys()]
    for (const model of order) {
      const cell = this.#firstReady(model)
      if (cell === null) continue
      this.#remove(cell)
      this.#loaded[worker] = model
      return cell
    }
    return null
  }

  /** Lets go what needed the cell. */
  finish(cell: Cell): void {
    for (const { key } of this.#dependents.get(cell.key) ?? []) this.#needs.get(key)?.delete(cell.key)
  }

  /** Gives up on all that needs the cell, directly or not, with the need of each. */
  fail(cell: Cell): { readonly cell: Cell; readonly need: Cell }[] {
    const dependents = (this.#dependents.get(cell.key) ?? []).filter(({ key }) => this.#needs.has(key))
    for (const dependent of dependents) this.#remove(dependent)
    return dependents.flatMap((dependent) => [{ cell: dependent, need: cell }, ...this.fail(dependent)])
  }

  /** Cells that nobody took. */
  left(): Cell[] {
    return [...this.#waiting.values()].flatMap((group) => [...group.values()])
  }

  #firstReady(model: string): Cell | null {
    for (const cell of this.#waiting.get(model)?.values() ?? []) {
      if (this.#needs.get(cell.key)?.size === 0) return cell
    }
    return null
  }

  #remove({ key, model }: Cell): void {
    const group = this.#waiting.get(model)
    group?.delete(key)
    if (group?.size === 0) this.#waiting.delete(model)
    this.#needs.delete(key)
  }
}
