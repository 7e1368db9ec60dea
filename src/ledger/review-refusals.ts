import { DatasetError } from '../errors/index.ts'

export function unknownCandidate(candidate: number): DatasetError {
  return refusal('unknown-candidate', `There is no picture ${candidate} in this set.`, { candidate })
}

export function decidedMeanwhile(candidate: number): DatasetError {
  const message = 'Something was decided on this picture meanwhile, perhaps in another tab. Look again, then decide.'
  return refusal('decided-meanwhile', message, { candidate })
}

export function gaveWay(candidate: number): DatasetError {
  const message = 'This picture gave way to another one. Say that it is no duplicate of it to keep both.'
  return refusal('gave-way', message, { candidate })
}

export function noDuplicate(candidate: number, other: number): DatasetError {
  const message = `Picture ${candidate} did not give way to ${other}, so there is nothing to deny.`
  return refusal('no-duplicate', message, { candidate, other })
}

export function ofItself(candidate: number): DatasetError {
  return refusal('duplicate-of-itself', 'A picture is no duplicate of itself. Name the other one.', { candidate })
}

export function ofRefused(candidate: number, other: number, state: string): DatasetError {
  const message = `The other picture is taken out itself (${state}), so none of the two would be left. Decide on that one first.`
  return refusal('duplicate-of-refused', message, { candidate, other, state })
}

export function sameCaption(candidate: number): DatasetError {
  return refusal('same-caption', 'The picture has this caption already.', { candidate })
}

function refusal(code: string, message: string, facts: Readonly<Record<string, string | number>>): DatasetError {
  return new DatasetError({ code, message, facts })
}
