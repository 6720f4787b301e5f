"""A study as plain text: to be kept beside its trials, and to go to another process."""

from dataclasses import dataclass
from pathlib import Path

from archbuilder.errors import Source
from archbuilder.network_spec import NetworkSpec
from archbuilder.study.reading import read_study
from archbuilder.study.study import Study


@dataclass(frozen=True)
class SerializedStudy:
    """What a study is read from again: its name, the text of its file, and a spec that needs no other file."""

    name: str
    study: str
    spec: str
    is_random_search: bool

    @classmethod
    def of(cls, study: Study) -> "SerializedStudy":
        """Serialize a study."""
        spec = study.spec
        if "name" not in spec.document.root.entries:  # it has its file's, which is not sent along
            spec = spec.renamed(spec.name)
        return cls(study.name, study.source.text, spec.document.standalone_text, study.is_random_search)

    def read(self, file: str, path: Path | None = None) -> Study:
        """Read the study again; raise a SpecError if another version of archbuilder wrote it, with other rules.

        Args:
            file: What errors call its file.
            path: The file that it was read from, from where its data are found.
        """
        study = read_study(Source(file, self.study, path), NetworkSpec.from_text(self.spec, "spec.yaml"), self.name)
        return study.as_random_search() if self.is_random_search else study
