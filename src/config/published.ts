/** Names of the published bases; `hub` knows where each is and `model/published.py` what it is made of. */
export const publishedNames = ['sd-1.5', 'sd-2.1', 'sdxl-1.0'] as const
export type PublishedName = (typeof publishedNames)[number]
