/**
 * Commits under way, and when the oldest of them began. A list and not a Map: the tables that a Map leaves behind would keep
 * what was in them until a full collection, see inbound/open-sessions.ts.
 */

/** One that is under way. */
export interface OpenCommit {
  readonly began: number;
  isOver: boolean;
}

/** All that are under way. */
export class OpenCommits {
  /** In the order in which they began. Those in it that are over are behind one that is not. */
  readonly #commits: OpenCommit[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the oldest began; undefined when there is none. */
  get oldest(): number | undefined {
    return this.#commits[0]?.began;
  }

  /** @param began ms since 1970 */
  begin(began: number): OpenCommit {
    const commit = { began, isOver: false };
    this.#commits.push(commit);
    this.#size += 1;
    return commit;
  }

  /** To be called once for each. */
  end(commit: OpenCommit): void {
    commit.isOver = true;
    this.#size -= 1;
    let over = 0;
    while (this.#commits[over]?.isOver === true) over += 1;
    if (over > 0) this.#commits.splice(0, over);
  }
}
