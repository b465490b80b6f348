/**
 * The form in which names are compared: two names that a person could take for the same one (other case, other
 * composition of accents) have equal folds. Upper case first, so that letters with several small forms meet.
 */
export function foldName(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}
