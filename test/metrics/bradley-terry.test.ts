import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawPreferences, preferenceStrengths } from '../../experiments/interval-coverage/drawn-ratings.ts'
import { bradleyTerry, type PairedVote } from '../../src/metrics/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import { inPython, python } from './reference.ts'

/** So small that the fit is the most likely one, with an error of the same order. */
const hardly = 1e-7

describe('bradleyTerry', () => {
  const votes = drawPreferences(new RandomStream('fit', 1), { prompts: 12, votesPerPair: 3, spread: 0.5 })

  it.skipIf(python === null)('without ties equals the maximum likelihood of choix', () => {
    const decided = votes.filter(({ outcome }) => outcome !== 'tie')
    const expected = inPython<number[]>(
      `import choix
print(json.dumps(list(map(float, choix.opt_pairwise(4, data, tol=1e-12)))))`,
      decided.map(({ first, second, outcome }) => {
        const pair = [first, second].map((item) => items.indexOf(item))
        return outcome === 'first' ? pair : pair.reverse()
      }),
    )
    // 1e-5: choix's optimiser ends there; the prior of ties adds a ten-millionth.
    strengthsOf(bradleyTerry(decided, { prior: hardly })).forEach((strength, i) => {
      expect(Math.abs(strength - (expected[i] as number))).toBeLessThan(1e-5)
    })
  })

  it.skipIf(python === null)(
    'with ties and any prior equals the log-linear model of Fienberg and Larntz in statsmodels',
    () => {
      const priors = [0.5, 2, hardly]
      const expected = inPython<{ strengths: number[]; tieChance: number }[]>(logLinearModel, { votes, items, priors })
      priors.forEach((prior, which) => {
        const fit = bradleyTerry(votes, { prior })
        // 1e-6: statsmodels ends when the deviance changes by less than 1e-12 of itself.
        strengthsOf(fit).forEach((strength, i) => {
          expect(Math.abs(strength - (expected[which]?.strengths[i] as number))).toBeLessThan(1e-6)
        })
        expect(Math.abs(fit.tieChance - (expected[which]?.tieChance as number))).toBeLessThan(1e-6)
      })
    },
  )

  it.skipIf(python === null)('has the interval of refits that leave out one cluster each, to first order', () => {
    const many = drawPreferences(new RandomStream('fit', 2), { prompts: 12, votesPerPair: 3, spread: 0.5 })
    const fit = bradleyTerry(many, { reference: 'base' })
    const clusters = [...new Set(many.map(({ cluster }) => cluster))]
    const refits = clusters.map((left) =>
      strengthsOf(
        bradleyTerry(
          many.filter(({ cluster }) => cluster !== left),
          { reference: 'base' },
        ),
      ),
    )
    const reach = inPython<number>('from scipy.stats import t\nprint(json.dumps(float(t.ppf(0.975, 11))))', null)
    items.forEach((item, i) => {
      const values = refits.map((refit) => refit[i] as number)
      const centre = values.reduce((sum, value) => sum + value, 0) / values.length
      const error = Math.sqrt((11 / 12) * values.reduce((sum, value) => sum + (value - centre) ** 2, 0))
      const { low, high } = fit.strengths.find((strength) => strength.item === item) as { low: number; high: number }
      // 1 %: what is left is of second order; without the adjustment for leverage it is 8 %, one in twelve.
      expect(Math.abs((high - low) / 2 - reach * error)).toBeLessThanOrEqual(0.01 * reach * error)
    })
  })

  it('does not care about the order of votes, of sides, or of names', () => {
    const random = new RandomStream('order', 1)
    const turned = random.shuffle(votes).map((vote) => (random.chance(0.5) ? turn(vote) : vote))
    const renamed = turned.map((vote) => ({ ...vote, first: `x ${vote.first}`, second: `x ${vote.second}` }))
    const plain = bradleyTerry(votes)
    bradleyTerry(renamed).strengths.forEach(({ item, strength, low }, i) => {
      expect(item).toBe(`x ${plain.strengths[i]?.item}`)
      expect(strength).toBeCloseTo(plain.strengths[i]?.strength as number, 9)
      expect(low).toBeCloseTo(plain.strengths[i]?.low as number, 9)
    })
  })

  it('keeps an item finite that always won, and a pair that always tied equal', () => {
    const vote = (outcome: PairedVote['outcome'], cluster: number): PairedVote => ({
      first: 'a',
      second: 'b',
      outcome,
      cluster: String(cluster),
    })
    const won = bradleyTerry(Array.from({ length: 200 }, (_, i) => vote('first', i)))
    expect(won.strengths[0]?.item).toBe('a')
    expect(won.strengths[0]?.strength).toBeGreaterThan(1)
    expect(won.strengths[0]?.strength).toBeLessThan(10)
    const tied = bradleyTerry(Array.from({ length: 200 }, (_, i) => vote('tie', i)))
    expect(tied.strengths.map(({ strength }) => Math.abs(strength))).toEqual([0, 0])
    expect(tied.tieChance).toBeGreaterThan(0.99)
  })

  it('for two items comes to the worked value: the logarithm of wins over losses, prior shares included', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), (wins, losses) => {
        const made = [...new Array(wins).fill('first'), ...new Array(losses).fill('second')].map(
          (outcome, i): PairedVote => ({ first: 'a', second: 'b', outcome, cluster: String(i) }),
        )
        const { strengths } = bradleyTerry(made, { prior: 1e-9, reference: 'b' })
        const found = strengths.find(({ item }) => item === 'a')?.strength as number
        expect(found).toBeCloseTo(Math.log(wins / losses), 5)
      }),
      { numRuns: 40 },
    )
  })

  it('refuses groups that were never compared with each other, and names them', () => {
    const apart = [
      { first: 'a', second: 'b', outcome: 'first', cluster: '1' },
      { first: 'c', second: 'd', outcome: 'tie', cluster: '2' },
      { first: 'b', second: 'e', outcome: 'tie', cluster: '2' },
    ] as const
    expect(() => bradleyTerry(apart)).toThrow(
      expect.objectContaining({
        code: 'items-not-connected',
        facts: expect.objectContaining({
          groups: [
            ['a', 'b', 'e'],
            ['c', 'd'],
          ],
        }),
      }),
    )
  })

  it('refuses what it cannot use', () => {
    const own = [votes[0] as PairedVote, { first: 'a', second: 'a', outcome: 'tie', cluster: '1' } as const]
    expect(() => bradleyTerry([])).toThrow(expect.objectContaining({ code: 'too-few-values' }))
    expect(() => bradleyTerry(own)).toThrow(expect.objectContaining({ code: 'value-out-of-range' }))
    expect(() => bradleyTerry(votes.slice(0, 1))).toThrow(/2 clusters, got 1/)
    expect(() => bradleyTerry(votes, { prior: 0 })).toThrow(/prior to be a finite number above 0/)
    expect(() => bradleyTerry(votes, { reference: 'nobody' })).toThrow(/reference to be a compared item/)
    expect(() => bradleyTerry(votes, { confidence: 1 })).toThrow(/confidence/)
  })
})

const items = Object.keys(preferenceStrengths)

function strengthsOf({ strengths }: ReturnType<typeof bradleyTerry>): number[] {
  return items.map((item) => strengths.find((strength) => strength.item === item)?.strength as number)
}

function turn({ first, second, outcome, cluster }: PairedVote): PairedVote {
  const other = outcome === 'tie' ? 'tie' : outcome === 'first' ? 'second' : 'first'
  return { first: second, second: first, outcome: other, cluster }
}

/** A Poisson regression with a mean for each pair; the prior is pairs with an opponent of strength 1 and one of equals. */
const logLinearModel = `import numpy as np, statsmodels.api as sm
items, n = data['items'], len(data['items'])
tallies = {}
for vote in data['votes']:
    i, j = (items.index(vote[side]) for side in ('first', 'second'))
    outcome = {'first': 0, 'second': 1, 'tie': 2}[vote['outcome']]
    if i > j: i, j, outcome = j, i, (1, 0, 2)[outcome]
    tallies.setdefault((i, j), [0, 0, 0])[outcome] += 1
def fit(prior):
    pairs = [[({i: 1}, 0, a, 0), ({j: 1}, 0, b, 0), ({i: .5, j: .5}, 1, t, 0)] for (i, j), (a, b, t) in tallies.items()]
    pairs += [[({i: 1}, 0, prior, 0), ({}, 0, prior, 0)] for i in range(n)]
    pairs += [[({}, 0, prior, np.log(2)), ({}, 1, prior, 0)]]
    cells = [(pair, *cell) for pair, group in enumerate(pairs) for cell in group]
    X = np.zeros((len(cells), n + 1 + len(pairs)))
    for row, (pair, weights, tie, _, _) in enumerate(cells):
        for i, weight in weights.items(): X[row, i] = weight
        X[row, n], X[row, n + 1 + pair] = tie, 1
    _, _, _, counts, offsets = zip(*cells)
    theta = sm.GLM(counts, X, family=sm.families.Poisson(), offset=offsets).fit(maxiter=500, tol=1e-12).params
    nu = np.exp(theta[n])
    return {'strengths': list(map(float, theta[:n] - theta[:n].mean())), 'tieChance': float(nu / (2 + nu))}
print(json.dumps([fit(prior) for prior in data['priors']]))`
