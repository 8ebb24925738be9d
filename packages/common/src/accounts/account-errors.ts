/**
 * Why nothing can be said about an account now.
 */

/** A directory or the helper for passwords does not answer: neither "there is no such name" nor "the password is wrong". */
export class AccountsUnavailable extends Error {
  override readonly name = "AccountsUnavailable";
}
