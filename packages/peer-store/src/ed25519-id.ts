/** Which texts are the id of an Ed25519 key, without parsing them. */

/**
 * Nearly all ids are of an Ed25519 key, 32 bytes behind six fixed ones: every base58 text between those of the least and
 * the greatest key is one, and base58 sorts as text does. Parsing costs more than the rest of a merge.
 */
export function isEd25519Id (id: string): boolean {
  return id.length === LEAST_KEY.length && id >= LEAST_KEY && id <= GREATEST_KEY && BASE58.test(id)
}

const LEAST_KEY = '12D3KooW9pNAk8aiBuGVQtWRdbkLmo5qVL3e2h5UxbN2Nz9ttwiw'
const GREATEST_KEY = '12D3KooWT3gYEvLJyx1FyyHqrmvdy1tMjpgxmu9aSeKMEuafQtyC'
const BASE58 = /^[1-9A-HJ-NP-Za-km-z]+$/
