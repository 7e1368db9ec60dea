/** Like `Promise.all(items.map(task))` with at most `limit` tasks at a time; results keep the order of the items. */
export async function mapParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  task: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length)
  const entries = items.entries()
  const work = async (): Promise<void> => {
    for (const [i, item] of entries) results[i] = await task(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work))
  return results
}
