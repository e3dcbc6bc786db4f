"""Turn judged candidates into preference pairs.

`pairs.make_pairs` joins candidates into entries with a reason where one may be part of no pair (`entries`);
policies offer pairs (`policies`); some are taken in turns under the caps (`selection`); then guards hold over each
whole split (`guards`, `leakage`). Every drop has a reason.
"""
