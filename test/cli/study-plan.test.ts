import { expect, it } from 'vitest'
import { describePlan, listMissing } from '../../src/cli/study-plan.ts'
import { lora } from '../../src/config/technique.ts'
import { fraction } from '../../src/study/design.ts'
import { defineStudy } from '../../src/study/index.ts'
import { planCells } from '../../src/study/plan.ts'
import { studyPower } from '../../src/study/study-power.ts'
import { facts, studyInput } from '../study/fixtures/sample-plan.ts'

it('tells cells, what does not apply, what a fraction hides, cost, budget and power', () => {
  const study = defineStudy({
    ...studyInput,
    arms: {
      baseline: {},
      lora: {
        train: { technique: lora() },
        over: { rank: [2, 4], alpha: [1, 2], learningRate: [1e-3, 1e-4] },
        design: fraction({ interactions: 'none' }),
        except: [{ when: { prompt: 'a photo of an apple' }, reason: 'learned palms' }],
      },
    },
    seeds: 16,
    budget: { cells: 5, seconds: 3600 },
  })
  const plan = planCells(study, facts)
  const cached = new Set(plan.cells.slice(0, 3).map(({ key }) => key))
  const planned = { plan, cached, expected: { seconds: 90, bytes: 2e6 }, power: studyPower(plan) }
  const text = describePlan(planned)
  expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
    'four-ways: 5 arms × 2 prompts × 16 seeds, 96 images',
    '                        in all  cached  to run',
    '  trainings                  4       1       3',
    '  sets of samples            6       2       4',
    '  sets of judgements         7       0       7',
    '  all cells                 17       3      14',
    '  4 sets of samples are not applicable and not run',
    '  lora: 4 of 8 combinations, resolution 3; it cannot tell',
    '    rank from alpha × learningRate',
    '    alpha from rank × learningRate',
    '    learningRate from rank × alpha',
    '  expected: about 1 min 30 s of one worker and 2.0 MB on disk',
    '  this run stops after 5 cells or 1 h 00 min',
    expect.stringMatching(
      /right number of fingers: with 16 pairs you will see a difference of 0\.\d\d or more, four times of five, corrected for 4 comparisons$/,
    ),
    expect.stringContaining('what 32 pairs'),
  ])
  expect(listMissing(planned).split('\n')).toHaveLength(14)
})
