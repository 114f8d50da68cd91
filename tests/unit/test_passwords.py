import pytest

from keysat_adapters.system.passwords import Argon2Passwords
from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError, Unauthorized
from keysat_core.ports.passwords import Passwords

PASSWORDS: Passwords = Argon2Passwords()
# The known answers below were made by other implementations of Argon2id.
HORSE = "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg"
SHORT = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


@pytest.fixture(scope="module")
def hashed() -> str:
    return PASSWORDS.hash_password(Secret("a good long password"))


def test_the_right_password_is_let_in(hashed: str) -> None:
    PASSWORDS.verify_password(Secret("a good long password"), password_hash=hashed)


@pytest.mark.parametrize("wrong", ["", "a good long passwor", "A good long password", "\0", "é"])
def test_a_wrong_password_is_not(hashed: str, wrong: str) -> None:
    with pytest.raises(Unauthorized):
        PASSWORDS.verify_password(Secret(wrong), password_hash=hashed)


def test_a_hash_costs_two_passes_over_19_mebibytes(hashed: str) -> None:
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_every_hash_has_a_salt_of_its_own(hashed: str) -> None:
    assert PASSWORDS.hash_password(Secret("a good long password")) != hashed


def test_any_unicode_is_a_password() -> None:
    password = Secret("пароль 密码 🔑")
    PASSWORDS.verify_password(password, password_hash=PASSWORDS.hash_password(password))


@pytest.mark.parametrize(
    ("password", "password_hash"), [("correct horse battery staple", HORSE), ("password", SHORT)]
)
def test_hashes_with_other_parameters_are_read(password: str, password_hash: str) -> None:
    PASSWORDS.verify_password(Secret(password), password_hash=password_hash)
    with pytest.raises(Unauthorized):
        PASSWORDS.verify_password(Secret(password + "!"), password_hash=password_hash)


@pytest.mark.parametrize(
    "password_hash",
    [
        "",
        "password",
        HORSE.replace("argon2id", "argon2d"),
        HORSE.replace("argon2id", "scrypt"),
        HORSE.replace("v=19", "v=16"),
        HORSE.replace("m=65536,", ""),
        HORSE.replace("t=3", "t=0"),
        HORSE.replace("$Yf", "$Yf!"),
        HORSE.rpartition("$")[0],
        HORSE + "\n",
        HORSE + "A" * 100,
        "é" + HORSE,
    ],
)
def test_what_is_no_argon2_hash_is_a_fault_of_the_server(password_hash: str) -> None:
    with pytest.raises(ConfigurationError):
        PASSWORDS.verify_password(Secret("password"), password_hash=password_hash)
