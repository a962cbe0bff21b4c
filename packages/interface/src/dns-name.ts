/** A DNS name to compare by: only ASCII letters lose their case. RFC 1035 §2.3.3, RFC 6762 §16. */
export function lowerName (name: string): string {
  return name.replace(/[A-Z]+/g, letters => letters.toLowerCase())
}
