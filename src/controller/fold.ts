/**
 * The form in which names are compared: two names that a person could take for the same one (other case, other
 * composition of accents) have equal folds. By way of upper case, so that letters with several small forms meet; of lower case
 * before, as the capital sharp s is no upper case of any letter.
 */
export function foldName(name: string): string {
  return name.normalize('NFC').toLowerCase().toUpperCase().toLowerCase().normalize('NFC')
}
