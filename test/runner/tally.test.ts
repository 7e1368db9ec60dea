import { describe, expect, it } from 'vitest'
import { addTallies, describeTally, withExitCode } from './tally.ts'

describe('the tally of all tests', () => {
  it('is written in one form', () => {
    expect(describeTally({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed')
    expect(describeTally({ passed: 12, failed: 1, skipped: 3 })).toBe('12 passed, 1 failed, 3 skipped')
  })

  it('adds up', () => {
    const one = { passed: 1, failed: 2, skipped: 3 }
    expect(addTallies(one, one)).toEqual({ passed: 2, failed: 4, skipped: 6 })
  })

  it('counts a runner that broke down as a failure', () => {
    const none = { passed: 5, failed: 0, skipped: 0 }
    expect(withExitCode(none, 1).failed).toBe(1)
    expect(withExitCode(none, undefined).failed).toBe(1)
    expect(withExitCode(none, 0).failed).toBe(0)
    expect(withExitCode({ ...none, failed: 2 }, 1).failed).toBe(2)
  })
})
