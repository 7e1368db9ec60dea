import { readStudyRecord } from '../../src/artefact/read-study.ts'
import type { StudyImage } from '../../src/artefact/study-record.ts'
import type { RatingInput } from '../../src/config/rating.ts'
import { lockRating } from '../../src/rating/open-rating.ts'
import { orderFor, type Showing } from '../../src/rating/rater-order.ts'
import { openRatingPlace } from '../../src/rating/rating-folder.ts'
import { RatingSession } from '../../src/rating/rating-session.ts'
import type { Outcome } from '../../src/rating/vote-log.ts'

/** What a made-up rater says of a showing; the images are the study's, from left to right. */
export type Judge = (sides: readonly StudyImage[], showing: Showing) => Outcome

/** Every rater votes on everything, each vote a millisecond slower than the one before, from 250 on. */
export async function rateStudy(
  study: string,
  name: string,
  settings: RatingInput,
  judges: Readonly<Record<string, Judge>>,
): Promise<void> {
  const { images } = await readStudyRecord(study)
  const place = await openRatingPlace(study, name, settings)
  await using session = new RatingSession(place, await lockRating(place))
  for (const [rater, judge] of Object.entries(judges)) {
    for (const [position, showing] of orderFor(rater, place.protocol).entries()) {
      const sides = showing.sides.map(
        (side) => images.find(({ file }) => file === place.protocol.images[side]?.file) as StudyImage,
      )
      await session.vote(rater, { position, outcome: judge(sides, showing), milliseconds: 250 + position })
    }
  }
}

/** Fingers too many or too few. */
export const mistakes = ({ fingers, expectedFingers }: StudyImage): number =>
  Math.abs((fingers ?? 0) - (expectedFingers ?? 0))

/** Sees broken images, and prefers the hand with fewer mistakes. */
export const careful: Judge = ([left, right], { broken }) => {
  if (broken !== null) return broken === 'left' ? 'right' : 'left'
  const lead = mistakes(right as StudyImage) - mistakes(left as StudyImage)
  if (lead === 0) return mistakes(left as StudyImage) > 0 ? 'both-bad' : 'tie'
  return lead > 0 ? 'left' : 'right'
}
