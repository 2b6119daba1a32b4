"""Codes of keys and certificates."""

from typing import Final

from mobb_client._catalogue._entry import Entry, entry

_PEM: Final = "RFC 7468"
_STORE: Final = "RFC 7292 (PKCS #12)"
_DATES: Final = "RFC 5280 section 4.1.2.5; Digikoppeling Beveiligingsstandaarden en voorschriften PKI002"
_SIGNER: Final = "Digikoppeling Koppelvlakstandaard ebMS2 section 5.2.1; CPA 2.0 SigningCertificateRef"
_OIN: Final = (
    "Digikoppeling Beveiligingsstandaarden en voorschriften PKI001; Digikoppeling Identificatie en Authenticatie"
)

KEYS: dict[str, Entry] = {
    "key.file": entry(
        en="a key file that can be read",
        nl="een sleutelbestand dat te lezen is",
        source="mobb_client settings",
        do_en="Check the path and the rights of the file; it should be readable only by the account that sends.",
        do_nl="Controleer pad en rechten van het bestand; alleen het verzendende account hoort het te kunnen lezen.",
    ),
    "key.format": entry(
        en="a private key in PEM or PKCS #12",
        nl="een privésleutel in PEM of PKCS #12",
        source=f"{_PEM}; {_STORE}",
        do_en="Convert it; a Java key store with: keytool -importkeystore -srckeystore OLD -destkeystore NEW.p12 "
        "-deststoretype PKCS12.",
        do_nl="Zet het om; een Java-keystore met: keytool -importkeystore -srckeystore OUD -destkeystore NIEUW.p12 "
        "-deststoretype PKCS12.",
    ),
    "key.damaged": entry(
        en="a private key that is whole",
        nl="een onbeschadigde privésleutel",
        source=f"{_PEM}; {_STORE}",
        do_en="Copy the file again from where it was made: it was cut off or changed on its way.",
        do_nl="Kopieer het bestand opnieuw van de bron: het is onderweg afgebroken of gewijzigd.",
    ),
    "key.encryption": entry(
        en="a private key encrypted with a method that can be opened here",
        nl="een privésleutel die versleuteld is met een methode die hier te openen is",
        source=f"{_PEM}; {_STORE}",
        do_en="Encrypt it again with AES-256, for instance: openssl pkcs8 -topk8 -v2 aes256.",
        do_nl="Versleutel hem opnieuw met AES-256, bijvoorbeeld: openssl pkcs8 -topk8 -v2 aes256.",
    ),
    "key.passphrase-needed": entry(
        en="a passphrase, because the private key is encrypted",
        nl="een wachtwoord, want de privésleutel is versleuteld",
        source=f"{_PEM}; {_STORE}",
        do_en="Give the passphrase in a file, in the environment or at the prompt.",
        do_nl="Geef het wachtwoord in een bestand, in de omgeving of op de vraag van het programma.",
    ),
    "key.passphrase-wrong": entry(
        en="the passphrase that opens the private key",
        nl="het wachtwoord dat de privésleutel opent",
        source=f"{_PEM}; {_STORE}",
        do_en="Look for a blank or line end at its end, and for a key whose passphrase is not that of its store.",
        do_nl="Let op een spatie of regeleinde erachter, en op een sleutel met een ander wachtwoord dan zijn keystore.",
    ),
    "key.missing": entry(
        en="one private key in the key file",
        nl="één privésleutel in het sleutelbestand",
        source=f"{_PEM}; {_STORE}",
        do_en="Export the key together with its certificate, or point to the file that holds the key.",
        do_nl="Exporteer de sleutel samen met zijn certificaat, of wijs het bestand aan waar de sleutel in staat.",
    ),
    "key.several": entry(
        en="no more than one private key in the key file",
        nl="niet meer dan één privésleutel in het sleutelbestand",
        source=f"{_PEM}; {_STORE}",
        do_en="Export the one key that is to be used into a file of its own.",
        do_nl="Exporteer de te gebruiken sleutel naar een eigen bestand.",
    ),
    "key.mismatch": entry(
        en="a private key that belongs to the certificate",
        nl="een privésleutel die bij het certificaat hoort",
        source="RFC 5280 section 4.1.2.7",
        do_en="Use the key with which this certificate was requested, or the certificate that was issued for this key.",
        do_nl="Gebruik de sleutel waarmee dit certificaat is aangevraagd, of het certificaat van deze sleutel.",
    ),
    "key.needed": entry(
        en="a private key with its certificate, because the CPA has this action signed",
        nl="een privésleutel met zijn certificaat, want volgens de CPA wordt deze actie ondertekend",
        source="CPA 2.0 isNonRepudiationRequired and SenderNonRepudiation",
        do_en="Name the key, and the certificate that the CPA names for us, in the settings or on the command line.",
        do_nl="Noem de sleutel, en het certificaat dat de CPA noemt, in de instellingen of op de opdrachtregel.",
    ),
    "key.not-rsa": entry(
        en="an RSA key for signing",
        nl="een RSA-sleutel om mee te ondertekenen",
        source="Digikoppeling Beveiligingsstandaarden en voorschriften SIGN001 to SIGN004",
        do_en="Ask for a PKIoverheid certificate on an RSA key: Digikoppeling signatures know no other kind.",
        do_nl="Vraag een PKIoverheid-certificaat op een RSA-sleutel aan: Digikoppeling kent geen andere soort.",
    ),
    "certificate.file": entry(
        en="a certificate file that can be read",
        nl="een certificaatbestand dat te lezen is",
        source="mobb_client settings",
        do_en="Check the path and the rights of the file.",
        do_nl="Controleer het pad en de rechten van het bestand.",
    ),
    "certificate.missing": entry(
        en="the certificate of the key, in the key file or in a file of its own",
        nl="het certificaat van de sleutel, in het sleutelbestand of in een eigen bestand",
        source=f"{_PEM}; {_STORE}",
        do_en="Export key and certificate together, or name the certificate's file as well.",
        do_nl="Exporteer sleutel en certificaat samen, of noem ook het bestand van het certificaat.",
    ),
    "certificate.damaged": entry(
        en="an X.509 certificate that is whole",
        nl="een onbeschadigd X.509-certificaat",
        source=f"RFC 5280; {_PEM}",
        do_en="Copy the file again from where it came: it is no certificate, or it was cut off or changed on its way.",
        do_nl="Kopieer het bestand opnieuw van de bron: het is geen certificaat, of onderweg afgebroken of gewijzigd.",
    ),
    "certificate.several": entry(
        en="one holder's certificate, besides those of the authorities above it",
        nl="één certificaat van een houder, naast die van de uitgevers erboven",
        source=_PEM,
        do_en="Keep the certificate that is to be used and its chain in the file, and take the others out.",
        do_nl="Laat het te gebruiken certificaat en zijn keten in het bestand staan, en haal de andere eruit.",
    ),
    "certificate.not-in-cpa": entry(
        en="the certificate that the CPA names for us, with SHA-256 fingerprint {limit}",
        nl="het certificaat dat de CPA voor ons noemt, met SHA-256-vingerafdruk {limit}",
        source=_SIGNER,
        do_en="Point to the key and certificate of the CPA; a renewed certificate needs a renewed CPA first.",
        do_nl="Wijs sleutel en certificaat van de CPA aan; een vernieuwd certificaat vraagt eerst een vernieuwde CPA.",
    ),
    "certificate.of-partner": entry(
        en="our own certificate, which is not the one that the CPA names for the other party",
        nl="ons eigen certificaat, en niet dat wat de CPA voor de andere partij noemt",
        source=_SIGNER,
        do_en="Own and partner certificate were exchanged: point to our own, and check who is who in the CPA.",
        do_nl="Eigen en andermans certificaat zijn verwisseld: wijs het eigen aan, en kijk na wie wie is in de CPA.",
    ),
    "certificate.oin-missing": entry(
        en="one OIN or HRN of 20 digits in subject.serialNumber",
        nl="één OIN of HRN van 20 cijfers in subject.serialNumber",
        source=_OIN,
        do_en="Use a PKIoverheid server certificate; ask its issuer when it should have held an OIN.",
        do_nl="Gebruik een PKIoverheid-servercertificaat; vraag de uitgever ernaar als er een OIN in had moeten staan.",
    ),
    "certificate.oin-other": entry(
        en="the OIN that is expected here, {limit}",
        nl="de OIN die hier verwacht wordt, {limit}",
        source=_OIN,
        do_en="Right when an intermediary or gateway holds it; otherwise check certificate, settings and CPA.",
        do_nl="Juist als een intermediair of gateway het houdt; controleer anders certificaat, instellingen en CPA.",
    ),
    "certificate.not-yet-valid": entry(
        en="a certificate whose validity has begun",
        nl="een certificaat waarvan de geldigheid is begonnen",
        source=_DATES,
        do_en="Wait for that moment, or use the certificate that is valid now; check the clock of this machine.",
        do_nl="Wacht tot dat moment, of gebruik het nu geldige certificaat; controleer de klok van deze machine.",
    ),
    "certificate.expired": entry(
        en="a certificate that has not expired",
        nl="een certificaat dat niet verlopen is",
        source=_DATES,
        do_en="Renew the certificate and, with it, the CPA that names it.",
        do_nl="Vernieuw het certificaat en daarmee de CPA die het noemt.",
    ),
    "certificate.expires-soon": entry(
        en="a certificate that is valid for another {limit} days at least",
        nl="een certificaat dat nog minstens {limit} dagen geldig is",
        source=_DATES,
        do_en="Order the new certificate and the new CPA now: together they take weeks.",
        do_nl="Vraag nu het nieuwe certificaat en de nieuwe CPA aan: samen kosten ze weken.",
    ),
}
