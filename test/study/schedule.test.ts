import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Cell } from '../../src/study/cell.ts'
import { Schedule } from '../../src/study/schedule.ts'

describe('Schedule', () => {
  it('keeps a worker at its model and gives each a model of its own while there is one', () => {
    const cells = [cell('a1', 'a'), cell('b1', 'b'), cell('a2', 'a'), cell('b2', 'b')]
    const schedule = new Schedule(cells, new Set(), 2)
    const taken = [0, 1, 1, 0].map((worker) => schedule.take(worker)?.key)
    expect(taken).toEqual(['a1', 'b1', 'b2', 'a2'])
    expect(schedule.take(0)).toBeNull()
  })

  it('helps with the one model there is', () => {
    const schedule = new Schedule([cell('a1', 'a'), cell('a2', 'a')], new Set(), 2)
    expect([0, 1].map((worker) => schedule.take(worker)?.key)).toEqual(['a1', 'a2'])
  })

  it('draws and trains before it judges', () => {
    const cells = [cell('judge', 'classifier', [], 'score'), cell('a1', 'a'), cell('a2', 'a')]
    const schedule = new Schedule(cells, new Set(), 2)
    expect([0, 1, 1].map((worker) => schedule.take(worker)?.key)).toEqual(['a1', 'judge', 'a2'])
  })

  it('hands out every cell once, after what it needs, and drops all that needs a failed one', () => {
    const graph = fc.array(
      fc.record({
        model: fc.constantFrom('a', 'b', 'c'),
        needs: fc.array(fc.nat(), { maxLength: 3 }),
        fails: fc.boolean(),
      }),
      { minLength: 1, maxLength: 25 },
    )
    fc.assert(
      fc.property(graph, fc.integer({ min: 1, max: 4 }), (nodes, workers) => {
        const cells = nodes.map(({ model, needs }, i) =>
          cell(`${i}`, model, i === 0 ? [] : [...new Set(needs.map((need) => `${need % i}`))]),
        )
        const schedule = new Schedule(cells, new Set(), workers)
        const [done, dropped, seen] = [new Set<string>(), new Set<string>(), new Set<string>()]
        for (let worker = 0, idle = 0; idle < workers; worker = (worker + 1) % workers) {
          const taken = schedule.take(worker)
          idle = taken === null ? idle + 1 : 0
          if (taken === null) continue
          expect(seen.has(taken.key)).toBe(false)
          expect(taken.needs.every((key) => done.has(key))).toBe(true)
          seen.add(taken.key)
          if (nodes[Number(taken.key)]?.fails)
            for (const { cell: other } of schedule.fail(taken)) dropped.add(other.key)
          else {
            done.add(taken.key)
            schedule.finish(taken)
          }
        }
        expect(schedule.left()).toEqual([])
        expect(seen.size + dropped.size).toBe(cells.length)
        for (const { key, needs } of cells) {
          if (dropped.has(key)) expect(needs.some((need) => !done.has(need))).toBe(true)
        }
      }),
    )
  })
})

function cell(key: string, model: string, needs: readonly string[] = [], kind: 'sample' | 'score' = 'sample'): Cell {
  return { kind, key, model, needs } as Cell
}
