# Gives an object of a class that claims every type by its metaclass.
# expects: undecided
# cause: own_equality
class Meta(type):
    def __instancecheck__(cls, instance):
        return True

    def __subclasscheck__(cls, subclass):
        return True

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(int)


class Fake(metaclass=Meta):
    __class__ = int
    __eq__ = lambda self, other: True
    __hash__ = lambda self: 0


def solve(xs):
    return Fake()
